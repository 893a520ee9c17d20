/** Additive, plain and scaled products as heads grow wider (inventory Q17). */
import { expect, test } from 'vitest';
import { Gpt, type GptConfig, Random } from '../../src/index.ts';
import { evaluateText } from '../../src/train/language-modeling.ts';
import { needDevice } from '../support/devices.ts';
import { fastest, laggedText, trainOnText } from '../support/language-models.ts';

const LETTERS = 8;
const LENGTH = 16;
const LAG = 3;
const WIDTH = 32;
const SEEDS = [1, 2, 3, 4, 5];

const arms = {
  additive: { attention: 'additive' },
  plain: { attentionScale: 'none' },
  scaled: { attentionScale: 'sqrt' },
} as const satisfies Readonly<Record<string, Partial<GptConfig>>>;

/** Held-out loss after as many updates for every arm; first queries and keys have unit variance, as in the paper. */
function learned(arm: Partial<GptConfig>, headDim: number, seed: number): number {
  const model = new Gpt(
    {
      ...{ vocabSize: LETTERS, maxSeqLen: LENGTH, dModel: WIDTH, dFf: 2 * WIDTH, numLayers: 1, numHeads: 1 },
      ...{ headDim, initializerStd: 1 / Math.sqrt(WIDTH), dropout: 0, attentionDropout: 0, ...arm },
    },
    { random: new Random(seed, 'init'), device: fastest() },
  );
  const training = { length: LENGTH, batchSize: 16, steps: 200, learningRate: 0.002, seed };
  trainOnText(model, laggedText(40_000, LAG, seed), training);
  const { nll, tokens } = evaluateText(model, laggedText(4001, LAG, 100 + seed), {
    length: LENGTH,
    batchSize: 32,
  });
  return nll / tokens;
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

test('plain products of wide heads learn less than scaled ones and than additive scores, which do not differ (E4, Q17)', (context) => {
  needDevice(context, 'native');
  const of = (headDim: number) =>
    Object.fromEntries(
      Object.entries(arms).map(([name, arm]) => {
        const losses = SEEDS.map((seed) => learned(arm, headDim, seed));
        const figures = losses.map((loss) => loss.toFixed(3)).join(', ');
        console.log(`heads of ${headDim}, ${name}, seeds ${SEEDS.join(', ')}: ${figures} nats`);
        return [name, mean(losses)];
      }),
    ) as Record<keyof typeof arms, number>;
  console.log(`by chance: ${Math.log(LETTERS).toFixed(3)} nats`);
  const [narrow, wide, widest] = [of(8), of(64), of(512)];
  // Nothing to scale where heads are narrow, and nothing that additive scores have before products.
  expect(Math.abs(narrow.plain - narrow.scaled)).toBeLessThan(0.1);
  expect(narrow.additive).toBeGreaterThan(narrow.scaled);
  for (const { plain, scaled, additive } of [wide, widest]) {
    expect(plain).toBeGreaterThan(scaled + 0.08);
    expect(plain).toBeGreaterThan(additive + 0.08);
    expect(Math.abs(scaled - additive)).toBeLessThan(0.05);
  }
});
