/** What heads for later tokens must keep. */
import { expect } from 'vitest';
import { blockwiseSearch } from '../../../src/generate/parallel/blockwise.ts';
import { greedySearch, ModelSession, noGrad, scope, type Transformer } from '../../../src/index.ts';
import { collectAuxiliary } from '../../../src/nn/auxiliary.ts';
import { sumOf } from '../../../src/train/learn.ts';
import { makeBatch, type PairBatch } from '../../../src/train/seq2seq.ts';
import { disturb } from '../models.ts';
import { letterTokenizers, tinyTransformer } from '../reversed-strings.ts';

const tokenizers = letterTokenizers();
const pairs = [
  { source: [4, 5], target: [6, 7, 8, 9] },
  { source: [6], target: [] },
  { source: [8, 9, 4], target: [10] },
];

/** The loss of a step and what the heads add to it. */
function lossesOf(model: Transformer, batch: PairBatch, labelSmoothing = 0) {
  return noGrad(() =>
    scope(() => {
      const { source, input, labels } = batch;
      const options = { labelSmoothing, ignoreIndex: 0 };
      const { result, auxiliary } = collectAuxiliary(() => model.losses(source, input, labels, options));
      return { base: sumOf(result), added: auxiliary.losses.map((loss) => loss.item()) };
    }),
  );
}

/**
 * Heads that leave their input as it is say of every later token what the model says of the next one: their loss is a loop
 * over the labels that stand later in the same text.
 */
export function laterLossEqualsLoops(): void {
  const model = disturb(tinyTransformer({}, { blockwise: 4, dropout: 0 }), 2);
  for (const { outer } of model.later!.heads) {
    outer.weight.data.fill(0);
    outer.bias!.data.fill(0);
  }
  const batch = makeBatch(pairs, tokenizers);
  const logits = noGrad(() => scope(() => model.forwardPacked(batch.source, batch.input)));
  const vocab = logits.shape[2]!;
  let total = 0;
  let start = 0;
  for (const length of Array.from(batch.labels.lengths)) {
    for (let t = 0; t < length; t++) {
      const row = Array.from(logits.data.subarray((start + t) * vocab, (start + t + 1) * vocab));
      const normalizer = Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0));
      for (let ahead = 1; ahead < 4; ahead++)
        if (t + ahead < length) total += normalizer - row[batch.labels.ids[start + t + ahead]!]!;
    }
    start += length;
  }
  const { added } = lossesOf(model, batch);
  expect(added).toHaveLength(1);
  expect(added[0]!).toBeCloseTo(total / 3 / batch.targetTokens, 10);
  expect(lossesOf(tinyTransformer(), batch).added).toEqual([]);
}

/** The texts of greedy decoding, and the passes that each way takes, all texts together. */
export function blockwiseEqualsGreedy(
  model: Transformer,
  sources: readonly (readonly number[])[],
  maxNewTokens: number,
): { readonly greedy: number; readonly blockwise: number } {
  const { bos, eos, pad } = tokenizers.target.specialTokens;
  const length = Math.max(...sources.map((ids) => ids.length));
  const ids = new Int32Array(sources.length * length).fill(pad);
  const mask = new Uint8Array(ids.length);
  sources.forEach((source, n) => {
    ids.set(source, n * length);
    mask.fill(1, n * length, n * length + source.length);
  });
  const batch = { ids, mask, batch: sources.length, length };
  const options = { bos, eos, maxNewTokens, forbidden: [pad, bos] };
  const [one, other] = [0, 1].map(() => new ModelSession(model, batch, maxNewTokens + 1));
  const greedy = greedySearch(one!, options);
  const { hypotheses, textPasses } = blockwiseSearch(other!, options);
  one!.dispose();
  other!.dispose();
  expect(hypotheses.map(({ tokens }) => tokens)).toEqual(greedy.map(({ tokens }) => tokens));
  const steps = greedy.reduce((sum, { tokens, complete }) => sum + tokens.length + Number(complete), 0);
  return { greedy: steps, blockwise: textPasses.reduce((a, b) => a + b, 0) };
}
