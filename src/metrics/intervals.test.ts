import { describe, expect, test } from 'vitest';
import { Random } from '../core/random.ts';
import { ConfigError, ShapeError } from '../errors.ts';
import { meanInterval, proportionInterval, quantile, tTest } from './intervals.ts';

describe('meanInterval', () => {
  test('by hand', () => {
    const { mean, low, high, standardError } = meanInterval([1, 2, 3, 4, 5]);
    expect(mean).toBe(3);
    expect(standardError).toBeCloseTo(Math.sqrt(2.5 / 5), 12);
    expect(high - 3).toBeCloseTo(2.7764451051977987 * Math.sqrt(0.5), 10);
    expect(3 - low).toBeCloseTo(high - 3, 12);
  });
  test('covers the true mean as often as it says: t does with five values, normal does not', () => {
    const random = new Random(3, 'coverage');
    const runs = 4000;
    let [t, normal] = [0, 0];
    for (let run = 0; run < runs; run++) {
      const values = Array.from({ length: 5 }, () => random.normal());
      const covers = ({ low, high }: { low: number; high: number }) => (low < 0 && 0 < high ? 1 : 0);
      t += covers(meanInterval(values, { confidence: 0.9 }));
      normal += covers(meanInterval(values, { confidence: 0.9, distribution: 'normal' }));
    }
    expect(Math.abs(t / runs - 0.9)).toBeLessThan(0.015);
    expect(normal / runs).toBeLessThan(0.86);
  });
  test('refusals', () => {
    expect(() => meanInterval([1])).toThrow(ShapeError);
    expect(() => meanInterval([1, 2], { confidence: 95 })).toThrow('confidence between 0 and 1, got 95');
  });
});

describe('tTest', () => {
  test("Student's own sleep data, the differences of ten patients", () => {
    const { t, degreesOfFreedom, pValue } = tTest([1.2, 2.4, 1.3, 1.3, 0, 1, 1.8, 0.8, 4.6, 1.4]);
    expect(t).toBeCloseTo(4.0621, 4);
    expect(degreesOfFreedom).toBe(9);
    expect(pValue).toBeCloseTo(0.002833, 6);
  });
  test('the expected value is taken off', () => {
    expect(tTest([1, 2, 3], 2)).toMatchObject({ t: 0, pValue: 1 });
  });
});

describe('proportionInterval', () => {
  test('nothing and everything', () => {
    const none = proportionInterval(0, 10, { method: 'clopper-pearson' });
    expect(none.low).toBe(0);
    expect(none.high).toBeCloseTo(1 - 0.025 ** (1 / 10), 12);
    expect(proportionInterval(10, 10, { method: 'clopper-pearson' }).high).toBe(1);
    expect(proportionInterval(0, 10).low).toBeCloseTo(0, 12);
  });
  test('refusals', () => {
    expect(() => proportionInterval(3, 2)).toThrow(ConfigError);
    expect(() => proportionInterval(0, 0)).toThrow('got 0 of 0');
  });
});

test('quantiles are linear between order statistics', () => {
  expect(quantile([1, 2, 4], 0.25)).toBe(1.5);
  expect(quantile([1, 2, 4], 1)).toBe(4);
  expect(quantile([7], 0.3)).toBe(7);
});
