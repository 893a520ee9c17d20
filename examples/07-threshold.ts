/** Rare events in a row of digits: a tagger that is never sure, and the threshold that makes it useful. */
import {
  Adam,
  backward,
  ConvTagger,
  crossEntropy,
  mean,
  noGrad,
  Random,
  scope,
  softmax,
  type Tensor,
  tensor,
  tuneThreshold,
} from 'heed';

const [rows, length] = [32, 30];

/** A digit between two large ones has an event in 35 of 100 cases, any other in 2: even the best guess is a no. */
function draw(random: Random) {
  const digits = Array.from({ length: rows * length }, () => random.integer(10));
  const isLarge = (i: number) => digits[i]! >= 5;
  const events = digits.map((_, i) => {
    const isBetween = i % length > 0 && i % length < length - 1 && isLarge(i - 1) && isLarge(i + 1);
    return random.uniform() < (isBetween ? 0.35 : 0.02);
  });
  const shape = [rows, length];
  return { ids: tensor(digits, shape, { dtype: 'int32' }), events };
}

const model = new ConvTagger({ vocabSize: 10, numTags: 2, dModel: 16, numLayers: 1, dropout: 0 });
const adam = new Adam(model.namedParameters());
const random = new Random(1, 'training');
for (let step = 1; step <= 300; step++) {
  scope(() => {
    const { ids, events } = draw(random);
    const labels = tensor(events.map(Number), [rows, length], { dtype: 'int32' });
    backward(mean(crossEntropy(model.forward(ids), labels)));
  });
  adam.step(0.005);
  model.zeroGrad();
}
model.eval();

/** Probability of an event at each digit, and whether there is one. */
function scored(purpose: string) {
  const { ids, events } = draw(new Random(2, purpose));
  const probs = noGrad(() => scope((): Tensor => softmax(model.forward(ids))));
  return { scores: events.map((_, i) => probs.data[2 * i + 1]!), events };
}

/** F1 of "at least this is a yes", in percent. */
function f1({ scores, events }: ReturnType<typeof scored>, threshold: number): number {
  const said = scores.map((score) => score >= threshold);
  const right = said.filter((yes, i) => yes && events[i]).length;
  const all = said.filter(Boolean).length + events.filter(Boolean).length;
  return all === 0 ? 0 : (200 * right) / all;
}

const [validation, test] = [scored('validation'), scored('test')];
const { threshold, score } = tuneThreshold(validation.scores, validation.events);
console.log(`threshold 0.50        F1 ${f1(test, 0.5).toFixed(1)} on the test set`);
console.log(`threshold ${threshold.toFixed(2)} tuned  F1 ${f1(test, threshold).toFixed(1)} on the test set`);
console.log(`                      F1 ${score.toFixed(1)} on the validation set that chose it`);
