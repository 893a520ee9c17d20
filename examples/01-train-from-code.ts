/** Trains a Transformer from code: ten digits go in, and come out backwards. */
import {
  Adam,
  backward,
  collate,
  crossEntropy,
  greedySearch,
  ModelSession,
  mean,
  Random,
  scope,
  Transformer,
  tensor,
} from 'heed';

const [bos, eos, length, batch] = [10, 11, 10, 64]; // the digits are ids 0 … 9
const random = new Random(1, 'examples');
const row = () => Array.from({ length }, () => random.integer(10));
const ids = (rows: number[][]) => tensor(rows, undefined, { dtype: 'int32' });

const vocabulary = { sourceVocabSize: 12, targetVocabSize: 12 };
const size = { dModel: 32, dFf: 64, numHeads: 4, numEncoderLayers: 1, numDecoderLayers: 1 };
const model = new Transformer({ ...vocabulary, ...size, dropout: 0, normPlacement: 'pre', maxSeqLen: 16 });
const adam = new Adam(model.namedParameters());

for (let step = 1; step <= 600; step++) {
  const sources = Array.from({ length: batch }, row);
  const targets = sources.map((source) => source.toReversed());
  const loss = scope(() => {
    const logits = model.forward(ids(sources), ids(targets.map((target) => [bos, ...target])));
    const value = mean(crossEntropy(logits, ids(targets.map((target) => [...target, eos]))));
    backward(value);
    return value.item();
  });
  adam.step(0.004 * Math.min(1, step / 50));
  model.zeroGrad();
  if (step % 100 === 0) console.log(`step ${step}  loss ${loss.toFixed(3)}`);
}

const tests = Array.from({ length: 5 }, row);
const session = new ModelSession(model.eval(), collate(tests, { padId: 0 }), length + 2);
for (const [i, { tokens }] of greedySearch(session, { bos, eos, maxNewTokens: length + 1 }).entries())
  console.log(`${tests[i]!.join('')} -> ${tokens.join('')}`);
