import { describe, expect, test } from 'vitest';
import { Random } from '../core/random.ts';
import { ConfigError, ShapeError } from '../errors.ts';
import { bleu, bleuStatistics } from './bleu.ts';
import { bootstrapInterval, meanStatistics, pairedBootstrap } from './bootstrap.ts';

function normals(random: Random, count: number, shift = 0): number[] {
  return Array.from({ length: count }, () => shift + random.normal());
}

const hypotheses = ['a b c d e', 'the cat sat on the mat', 'x y z w', 'one two three four five six'];
const references = [['a b c d f'], ['the cat sat on a mat'], ['x y z w'], ['one two four three five six']];

describe('bootstrapInterval', () => {
  test('recorded draws of a mean', () => {
    const { resampledScores, low, high, standardError } = bootstrapInterval(meanStatistics([1, 2, 6]), {
      indices: [
        [0, 0, 0],
        [2, 2, 2],
        [0, 1, 2],
      ],
      confidence: 0.5,
    });
    expect(resampledScores).toEqual([1, 6, 3]);
    expect([low, high]).toEqual([2, 4.5]);
    expect(standardError).toBeCloseTo(Math.sqrt(19 / 3), 12);
  });
  test('a draw is scored as the corpus of its items would be', () => {
    const indices = [
      [0, 1, 1, 3],
      [2, 2, 0, 3],
    ];
    const { score, resampledScores } = bootstrapInterval(bleuStatistics(hypotheses, references), { indices });
    expect(score).toBe(bleu(hypotheses, references).score);
    const expected = indices.map(
      (draw) =>
        bleu(
          draw.map((i) => hypotheses[i]!),
          draw.map((i) => references[i]!),
        ).score,
    );
    expect(resampledScores).toEqual(expected);
  });
  test('a seed gives the same draws again, another seed others', () => {
    const run = (seed: number) =>
      bootstrapInterval(meanStatistics([1, 2, 3, 4, 5, 6]), { seed, resamples: 50 });
    expect(run(5)).toEqual(run(5));
    expect(run(5).resampledScores).not.toEqual(run(6).resampledScores);
  });
  test('covers the true mean about as often as it says', () => {
    const random = new Random(11, 'coverage');
    const runs = 500;
    let covered = 0;
    for (let seed = 0; seed < runs; seed++) {
      const { low, high } = bootstrapInterval(meanStatistics(normals(random, 50, 2)), {
        seed,
        resamples: 200,
      });
      if (low < 2 && 2 < high) covered++;
    }
    expect(covered / runs).toBeGreaterThan(0.9);
    expect(covered / runs).toBeLessThan(0.98);
  });
  test('refusals', () => {
    expect(() => bootstrapInterval(meanStatistics([]))).toThrow(ShapeError);
    expect(() => bootstrapInterval(meanStatistics([1]), { resamples: 0 })).toThrow(ConfigError);
    expect(() => bootstrapInterval(meanStatistics([1]), { indices: [[0], [1]] })).toThrow(
      'indices from 0 to 0, got 1',
    );
    expect(() => bootstrapInterval(meanStatistics([1]), { indices: [[0]] })).toThrow(
      'resamples of at least 2, got 1',
    );
    expect(() => bootstrapInterval({ rows: [[1, 2], [1]], score: () => 0 })).toThrow(
      'rows of 2 statistics, got 1',
    );
    expect(() => bootstrapInterval(meanStatistics([1]), { confidence: 1 })).toThrow(ConfigError);
  });
});

describe('pairedBootstrap', () => {
  /** Share of simulated comparisons with p below 0.05. */
  function rejections(runs: number, shift: number): number {
    const random = new Random(17, 'null');
    let rejected = 0;
    for (let seed = 0; seed < runs; seed++) {
      const difficulty = normals(random, 60);
      const [a, b] = [shift, 0].map((s) =>
        normals(random, 60, s).map((value, i) => value + 5 * difficulty[i]!),
      );
      const { pValue } = pairedBootstrap(meanStatistics(a!), meanStatistics(b!), { seed, resamples: 300 });
      if (pValue < 0.05) rejected++;
    }
    return rejected / runs;
  }

  test('5 % false alarms between equal systems', () => {
    const rate = rejections(1000, 0);
    expect(rate).toBeGreaterThan(0.03);
    expect(rate).toBeLessThan(0.075);
  });
  test('finds a difference that is hidden by how hard the items are', () => {
    expect(rejections(100, 0.8)).toBeGreaterThan(0.95);
  });
  test('a system against itself', () => {
    const statistics = bleuStatistics(hypotheses, references);
    const same = pairedBootstrap(statistics, statistics, { resamples: 100 });
    expect(same).toEqual({ difference: 0, low: 0, high: 0, pValue: 1, winRate: 0 });
  });
  test('swapping the systems turns the sign and keeps the p-value', () => {
    const perfect = bleuStatistics(references.flat(), references);
    const other = bleuStatistics(hypotheses, references);
    const [forth, back] = [pairedBootstrap(perfect, other), pairedBootstrap(other, perfect)];
    expect(forth.difference).toBeGreaterThan(0);
    expect(back.difference).toBe(-forth.difference);
    expect(back.pValue).toBe(forth.pValue);
    expect(forth.winRate).toBeGreaterThan(0.9);
    expect(back.low).toBeCloseTo(-forth.high, 12);
  });
  test('recorded draws: the shifted differences that reach the observed one are counted', () => {
    const first = meanStatistics([3, 1]);
    const second = meanStatistics([1, 1]);
    const indices = [
      [0, 0],
      [1, 1],
      [0, 1],
    ];
    // differences 2, 0, 1 with mean 1, observed 1: two of three reach it
    const { difference, pValue, winRate } = pairedBootstrap(first, second, { indices });
    expect([difference, pValue, winRate]).toEqual([1, 3 / 4, 2 / 3]);
  });
  test('other items', () => {
    expect(() => pairedBootstrap(meanStatistics([1, 2]), meanStatistics([1]))).toThrow(
      '2 items in both systems',
    );
  });
});
