/** Means, proportions and their confidence intervals. */

import { ConfigError, ShapeError } from '../errors.ts';
import { betaQuantile, normalQuantile, studentCdf, studentQuantile } from './distributions.ts';

/** A range that covers the true value with the stated confidence. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** A mean with its interval. */
export interface MeanInterval extends Interval {
  readonly mean: number;
  /** Standard error of the mean, `s / √n`. */
  readonly standardError: number;
}

/** A t test of the mean. */
export interface TTest {
  readonly t: number;
  readonly degreesOfFreedom: number;
  /** Two-sided. */
  readonly pValue: number;
}

/** Arithmetic mean. */
export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Standard deviation with n − 1 in the denominator. */
export function standardDeviation(values: readonly number[]): number {
  const mean = meanOf(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

/**
 * Mean with a confidence interval `mean ± q · s / √n`, for scores over seeds.
 *
 * @param values - at least two independent values
 * @param options - `confidence` (default 0.95); `distribution` of q: `t` (default, right for few values) or `normal`
 * @throws ShapeError for fewer than two values, ConfigError for a confidence outside (0, 1)
 * @example
 * meanInterval([24.1, 24.5, 23.9]); // { mean: 24.17, low: 23.41, high: 24.93, standardError: 0.176 }
 */
export function meanInterval(
  values: readonly number[],
  options: { readonly confidence?: number; readonly distribution?: 't' | 'normal' } = {},
): MeanInterval {
  needTwo('meanInterval', values);
  const upper = upperTail('meanInterval', options.confidence);
  const mean = meanOf(values);
  const standardError = standardDeviation(values) / Math.sqrt(values.length);
  const q =
    options.distribution === 'normal' ? normalQuantile(upper) : studentQuantile(upper, values.length - 1);
  return { mean, low: mean - q * standardError, high: mean + q * standardError, standardError };
}

/**
 * Student's t test of `mean = expected`. For two systems over the same seeds or items give the differences: that is the
 * paired t test.
 *
 * @param values - at least two independent values
 * @param expected - the mean under the null hypothesis; default 0
 * @throws ShapeError for fewer than two values
 *
 * Paper: Student, The Probable Error of a Mean, Biometrika 1908.
 */
export function tTest(values: readonly number[], expected = 0): TTest {
  needTwo('tTest', values);
  const degreesOfFreedom = values.length - 1;
  const t = (meanOf(values) - expected) / (standardDeviation(values) / Math.sqrt(values.length));
  return { t, degreesOfFreedom, pValue: 2 * studentCdf(-Math.abs(t), degreesOfFreedom) };
}

/**
 * Confidence interval of a proportion such as an accuracy.
 *
 * @param successes - how many
 * @param trials - of how many
 * @param options - `confidence` (default 0.95); `method`: `wilson` (default) or `clopper-pearson`, which is never too
 * narrow
 * @throws ConfigError unless `0 ≤ successes ≤ trials` and `trials > 0`
 * @example
 * proportionInterval(8, 20); // { low: 0.219, high: 0.613 }
 *
 * Papers: Wilson, Probable Inference, JASA 1927; Clopper and Pearson, Biometrika 1934.
 */
export function proportionInterval(
  successes: number,
  trials: number,
  options: { readonly confidence?: number; readonly method?: 'wilson' | 'clopper-pearson' } = {},
): Interval {
  const where = 'proportionInterval';
  if (!(successes >= 0 && successes <= trials && trials > 0)) {
    throw new ConfigError({ where, expected: '0 ≤ successes ≤ trials', got: `${successes} of ${trials}` });
  }
  const upper = upperTail(where, options.confidence);
  return options.method === 'clopper-pearson'
    ? clopperPearson(successes, trials, upper)
    : wilson(successes, trials, upper);
}

function wilson(successes: number, trials: number, upper: number): Interval {
  const z = normalQuantile(upper);
  const p = successes / trials;
  const centre = p + z ** 2 / (2 * trials);
  const half = z * Math.sqrt((p * (1 - p)) / trials + z ** 2 / (4 * trials ** 2));
  const scale = 1 + z ** 2 / trials;
  return { low: (centre - half) / scale, high: (centre + half) / scale };
}

function clopperPearson(successes: number, trials: number, upper: number): Interval {
  const failures = trials - successes;
  return {
    low: successes === 0 ? 0 : betaQuantile(1 - upper, successes, failures + 1),
    high: failures === 0 ? 1 : betaQuantile(upper, successes + 1, failures),
  };
}

/**
 * The quantile of a sample, linear between order statistics (type 7 of Hyndman and Fan 1996).
 *
 * @param sorted - ascending, not empty
 * @param probability - 0 to 1
 */
export function quantile(sorted: ArrayLike<number>, probability: number): number {
  const position = probability * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (position - below) * (high - low);
}

/** The probability below the upper end of a two-sided interval; refuses a confidence outside (0, 1). */
export function upperTail(where: string, confidence = 0.95): number {
  if (confidence > 0 && confidence < 1) return (1 + confidence) / 2;
  throw new ConfigError({ where, expected: 'confidence between 0 and 1', got: `${confidence}` });
}

function needTwo(where: string, values: readonly number[]): void {
  if (values.length < 2)
    throw new ShapeError({ where, expected: 'at least two values', got: `${values.length}` });
}
