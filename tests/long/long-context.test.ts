/** What lies beyond a segment: lost at its beginning by separate segments, learned with a memory. */
import { describe, expect, it } from 'vitest';
import { Random, SegmentLanguageModel, TransformerXl } from '../../src/index.ts';
import { evaluateText } from '../../src/train/language-modeling.ts';
import { fastest, laggedText, trainOnText } from '../support/language-models.ts';

const LETTERS = 8;
/** A letter that is not known from those before it. */
const chance = Math.log(LETTERS);
/** One of ten letters is drawn anew: what is left when the rest is known. */
const entropy = -0.9125 * Math.log(0.9125) - 0.0875 * Math.log(0.0875 / 7);
const bounds = `by chance ${chance.toFixed(3)}, the entropy ${entropy.toFixed(3)}`;
const sizes = { vocabSize: LETTERS, dModel: 32, dFf: 64, numHeads: 2, dropout: 0 };
const training = { batchSize: 16, learningRate: 0.004 };

describe.each([1, 2, 3])('seed %i', (seed) => {
  const context = { random: new Random(seed, 'init'), device: fastest() };

  it('separate segments start from nothing each time; windows that overlap do not (I8, L4)', () => {
    const [length, lag] = [12, 4];
    const model = new SegmentLanguageModel({ ...sizes, numLayers: 1, maxSeqLen: length }, context);
    trainOnText(model, laggedText(20_000, lag, seed), { ...training, length, steps: 500, seed });
    const heldOut = laggedText(2001, lag, 100 + seed);
    const apart = evaluateText(model, heldOut, { length, batchSize: 64 });
    const { nll, tokens } = apart.byPlace;
    const mean = (from: number, to: number): number =>
      nll.slice(from, to).reduce((a, b) => a + b, 0) / tokens.slice(from, to).reduce((a, b) => a + b, 0);
    // The letter at place p + 1 repeats the one at p − 3, which the first three places do not see.
    const sliding = evaluateText(model, heldOut, { length, batchSize: 64, stride: 1 });
    const figures = [mean(0, 3), mean(3, length), apart.nll / apart.tokens, sliding.nll / sliding.tokens];
    const [blind, seeing, beside, over] = figures.map((loss) => loss.toFixed(3));
    console.log(
      `nats: places that do not see back ${blind}, the others ${seeing}, windows side by side ${beside}, sliding ${over}; ${bounds}`,
    );
    expect(mean(0, 3)).toBeGreaterThan(0.97 * chance);
    expect(mean(3, length)).toBeLessThan(entropy + 0.1 * (chance - entropy));
    expect(sliding.nll / sliding.tokens).toBeLessThan(entropy + 0.1 * (chance - entropy));
    expect(apart.nll / apart.tokens).toBeGreaterThan(entropy + 0.2 * (chance - entropy));
    expect(sliding.tokensRead).toBe(length * (2000 - length + 1));
  });

  it('a memory learns what lies beyond the segment; without it nothing can be learned (L5)', () => {
    const [length, lag] = [6, 10];
    const losses = [24, 0].map((memoryLength) => {
      const random = new Random(seed, 'init');
      const model = new TransformerXl({ ...sizes, numLayers: 1, memoryLength }, { ...context, random });
      trainOnText(model, laggedText(20_000, lag, seed), { ...training, length, steps: 500, seed });
      const { nll, tokens } = evaluateText(model, laggedText(2001, lag, 100 + seed), {
        length,
        batchSize: 8,
      });
      return nll / tokens;
    });
    const [remembered, forgotten] = losses.map((loss) => loss.toFixed(3));
    console.log(`nats: with a memory ${remembered}, without ${forgotten}; ${bounds}`);
    expect(losses[0]).toBeLessThan(entropy + 0.25 * (chance - entropy));
    expect(losses[1]).toBeGreaterThan(0.97 * chance);
  });
});
