import { describe, expect, it } from 'vitest';
import { Random } from '../core/random.ts';
import {
  constant,
  type Initializer,
  kaimingNormal,
  kaimingUniform,
  normal,
  t5,
  uniform,
  xavierNormal,
  xavierUniform,
} from './initializers.ts';

const [OUT, IN] = [200, 500];
const COUNT = OUT * IN;

/** Variance by the papers' formulas, for a weight [out, in]. */
const initializers: readonly [name: string, initializer: Initializer, variance: number, bound: number][] = [
  ['normal(0.02)', normal(0.02), 4e-4, Infinity],
  ['uniform(0.3)', uniform(0.3), 0.09 / 3, 0.3],
  ['xavierUniform', xavierUniform, 2 / (IN + OUT), Math.sqrt(6 / (IN + OUT))],
  ['xavierNormal', xavierNormal, 2 / (IN + OUT), Infinity],
  ['kaimingUniform', kaimingUniform, 2 / IN, Math.sqrt(6 / IN)],
  ['kaimingNormal', kaimingNormal, 2 / IN, Infinity],
  ['t5()', t5(), 1 / IN, Infinity],
  ['t5(64), for queries', t5(64), 1 / (IN * 64), Infinity],
];

/** Pearson's statistic of ten equally probable cells; 27.88 is the 99.9 % point for nine degrees of freedom. */
function chiSquare(values: ArrayLike<number>, cellOf: (value: number) => number): number {
  const cells = new Array<number>(10).fill(0);
  for (let i = 0; i < values.length; i++) cells[Math.min(9, Math.max(0, cellOf(values[i]!)))]!++;
  const expected = values.length / 10;
  return cells.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

// Deciles of the standard normal distribution.
const deciles = [-1.281552, -0.841621, -0.524401, -0.253347, 0, 0.253347, 0.524401, 0.841621, 1.281552];

describe('initializers', () => {
  it.each(initializers)(
    '%s has its mean, variance and distribution',
    (_name, initializer, variance, bound) => {
      const values = initializer([OUT, IN], new Random(1, 'initializers'));
      expect(values).toHaveLength(COUNT);
      const mean = values.reduce((a, b) => a + b, 0) / COUNT;
      const second = values.reduce((a, b) => a + b * b, 0) / COUNT;
      const std = Math.sqrt(variance);
      expect(Math.abs(mean)).toBeLessThan((4 * std) / Math.sqrt(COUNT));
      // The variance of a sample variance is at most 2σ⁴/n, the normal's.
      expect(Math.abs(second / variance - 1)).toBeLessThan(4 * Math.sqrt(2 / COUNT));
      const isUniform = Number.isFinite(bound);
      const cell = (value: number): number =>
        isUniform
          ? Math.floor(((value / bound + 1) / 2) * 10)
          : deciles.filter((decile) => value / std > decile).length;
      expect(chiSquare(values, cell)).toBeLessThan(27.88);
      if (isUniform) expect(values.every((value) => Math.abs(value) <= bound)).toBe(true);
    },
  );

  it('t5 gives scores of variance 1 without division by √D (Raffel et al. 2019)', () => {
    const [width, headDim, tokens] = [256, 64, 300];
    const random = new Random(2, 'scores');
    const [query, key] = [t5(headDim)([headDim, width], random), t5()([headDim, width], random)];
    const project = (weight: Float64Array, x: Float64Array): number[] =>
      Array.from({ length: headDim }, (_, o) =>
        x.reduce((total, value, i) => total + value * weight[o * width + i]!, 0),
      );
    const draw = (): Float64Array => Float64Array.from({ length: width }, () => random.normal());
    const scores = Array.from({ length: tokens }, () => {
      const [q, k] = [project(query, draw()), project(key, draw())];
      return q.reduce((total, value, i) => total + value * k[i]!, 0);
    });
    const variance = scores.reduce((total, score) => total + score * score, 0) / tokens;
    expect(variance).toBeGreaterThan(0.6);
    expect(variance).toBeLessThan(1.5);
  });

  it('constant is constant', () => {
    expect(constant(2.5)([2, 3], new Random(1, 'none'))).toEqual(new Float64Array(6).fill(2.5));
  });

  it('a stream is drawn from once: two parameters differ, two runs agree', () => {
    const run = (): Float64Array[] => {
      const random = new Random(3, 'order');
      return [xavierUniform([2, 3], random), xavierUniform([2, 3], random)];
    };
    const [first, second] = run();
    expect(first).not.toEqual(second);
    expect(run()).toEqual([first, second]);
  });
});
