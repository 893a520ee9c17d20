/**
 * First values of queries in place of 1/√D (T5), and products that are not scaled at all: how far scores spread before
 * and after training (inventory E3, Q14).
 */
import { expect, test } from 'vitest';
import { capture, noGrad, type ScoreScale, scope, type Transformer, tensor } from '../../src/index.ts';
import { needDevice } from '../support/devices.ts';
import { drawnShare, shareReversed, trainOnReversal } from '../support/reversal-training.ts';
import { letterTokenizers, reversedStrings, tinyTransformer } from '../support/reversed-strings.ts';

const seeds = [1, 2, 3];
const arms: readonly ScoreScale[] = ['sqrt', 't5', 'none'];
const LENGTH = 6;
const HEAD = 16;
const task = { shortest: 3, longest: 8, count: 4000, steps: 700, learningRate: 0.004 };
const sizes = { dModel: 4 * HEAD, dFf: 128, numHeads: 4, normPlacement: 'pre' } as const;

/** Standard deviation of the scores of the encoder's self-attention, over strings of one length. */
function spread(model: Transformer): number {
  const { source } = letterTokenizers();
  const strings = reversedStrings(40, { seed: 97, shortest: LENGTH, longest: LENGTH });
  const ids = strings.flatMap((pair) => source.encode(pair.source));
  const name = 'encoder.layers.0.selfAttention.scores';
  return scope(() => {
    const rows = tensor(Int32Array.from(ids), [40, LENGTH], { dtype: 'int32', device: 'native' });
    const { tensors } = noGrad(() => capture(model, [name], () => model.encode(rows)));
    const scores = Array.from(tensors.get(name)!.data);
    const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
    return Math.sqrt(scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / scores.length);
  });
}

test("T5's first values take the place of 1/√D (E3, Q14)", (context) => {
  needDevice(context, 'native');
  console.log(`strings of ${LENGTH} letters; right by chance: ${(100 * drawnShare(LENGTH)).toFixed(4)} %`);
  const found = arms.map((attentionScale) =>
    seeds.map((seed) => {
      const model = tinyTransformer({ device: 'native', seed }, { ...sizes, attentionScale });
      const first = spread(model.eval());
      trainOnReversal(model, task, seed);
      const own = { first, last: spread(model), share: shareReversed(model, LENGTH, 200) };
      const figures = `${own.first.toFixed(2)}, then ${own.last.toFixed(2)}; ${(100 * own.share).toFixed(1)} % right`;
      console.log(`${attentionScale}, seed ${seed}: standard deviation ${figures}`);
      return own;
    }),
  );
  const [sqrt, t5, none] = [found[0]!, found[1]!, found[2]!];
  for (const i of seeds.keys()) {
    // The same first values, so that scores differ by the factor alone.
    expect(none[i]!.first / sqrt[i]!.first).toBeCloseTo(Math.sqrt(HEAD), 4);
    for (const arm of [sqrt, t5]) {
      expect(arm[i]!.first).toBeGreaterThan(0.5);
      expect(arm[i]!.first).toBeLessThan(1.5);
    }
    expect(none[i]!.first).toBeGreaterThan(2);
    expect(t5[i]!.share).toBeGreaterThan(0.9);
  }
});
