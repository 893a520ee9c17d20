/**
 * Classifies texts that are five times as long as the encoder takes: it reads them in segments that do not see each
 * other, and the vectors of all tokens are pooled. One token somewhere in a text says its class.
 */
import {
  Adam,
  backward,
  crossEntropy,
  encodeSegments,
  Linear,
  mean,
  noGrad,
  Random,
  scope,
  Transformer,
  tensor,
} from 'heed';

const [classes, others, length, segment, width] = [4, 20, 60, 12, 32];

function texts(count: number, seed: number) {
  const random = new Random(seed, 'texts');
  return Array.from({ length: count }, () => {
    const label = random.integer(classes);
    const ids = Array.from({ length }, () => classes + random.integer(others));
    ids[random.integer(length)] = label;
    return { ids, label };
  });
}

/** Trains on what `view` leaves of a text; the share of new texts whose class is right. */
function accuracy(view: (ids: number[]) => number[]): number {
  const context = { random: new Random(1, 'init') };
  const vocabulary = { sourceVocabSize: classes + others, targetVocabSize: classes };
  const size = { dModel: width, dFf: 64, numHeads: 4, numEncoderLayers: 1, numDecoderLayers: 1, dropout: 0 };
  const encoder = new Transformer({ ...vocabulary, ...size, maxSeqLen: segment }, context);
  const classifier = new Linear(width, classes, context);
  const adam = new Adam([...encoder.namedParameters(), ...classifier.namedParameters()]);
  const logits = (ids: number[]) =>
    classifier.forward(encodeSegments(encoder, view(ids), { length: segment, pooling: 'max' }).pooled);

  const [learned, asked, batch] = [texts(2400, 1), texts(200, 2), 8];
  for (let step = 0; step * batch < learned.length; step++) {
    for (const { ids, label } of learned.slice(step * batch, (step + 1) * batch))
      scope(() => backward(mean(crossEntropy(logits(ids), tensor([label], undefined, { dtype: 'int32' })))));
    adam.step(0.003, 1 / batch);
    for (const module of [encoder, classifier]) module.zeroGrad();
  }
  const said = asked.map(({ ids }) =>
    noGrad(() =>
      scope(() => {
        const { data } = logits(ids);
        return data.indexOf(Math.max(...data));
      }),
    ),
  );
  return said.filter((label, i) => label === asked[i]!.label).length / asked.length;
}

const percent = (share: number) => `${(100 * share).toFixed(1)} % of 200 new texts`;
console.log(`all segments of ${segment} tokens, pooled: ${percent(accuracy((ids) => ids))}`);
console.log(`the first ${segment} tokens only: ${percent(accuracy((ids) => ids.slice(0, segment)))}`);
