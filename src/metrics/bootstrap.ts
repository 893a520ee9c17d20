/**
 * The bootstrap over items: how far a corpus score would move with another sample of items, and whether two systems
 * differ by more than that.
 *
 * Papers: Efron, Bootstrap Methods, Annals of Statistics 1979; Koehn, Statistical Significance Tests for Machine
 * Translation Evaluation, EMNLP 2004.
 */
import { Random } from '../core/random.ts';
import { ConfigError, ShapeError } from '../errors.ts';
import { type ItemStatistics, sumRows } from './corpus.ts';
import { type Interval, quantile, standardDeviation, upperTail } from './intervals.ts';

/** Options of the bootstrap. */
export interface BootstrapOptions {
  /** Default 1000. */
  readonly resamples?: number;
  /** Default 1; the same seed gives the same resamples. */
  readonly seed?: number;
  /** Default 0.95. */
  readonly confidence?: number;
  /** The items of every resample, in place of drawn ones; `resamples` and `seed` are then not used. */
  readonly indices?: readonly ArrayLike<number>[];
}

/** A corpus score with its percentile interval. */
export interface BootstrapInterval extends Interval {
  /** The score of all items. */
  readonly score: number;
  /** Standard deviation of the resampled scores. */
  readonly standardError: number;
  /** The score of every resample, in order. */
  readonly resampledScores: readonly number[];
}

/** Two systems on the same items. */
export interface PairedBootstrap extends Interval {
  /** Score of the first system less score of the second; `low` and `high` bound it. */
  readonly difference: number;
  /** Two-sided: how often chance alone would give a difference as large. */
  readonly pValue: number;
  /** Share of resamples in which the first system scores higher. */
  readonly winRate: number;
}

/**
 * Percentile interval of a corpus score: items are drawn with replacement, the score is taken of every draw, and the
 * interval cuts off (1 − confidence) / 2 of the scores at either end.
 *
 * @param statistics - of every item, from `bleuStatistics`, `chrfStatistics`, `meanStatistics` …
 * @throws ShapeError without items, ConfigError for a wrong option
 * @example
 * bootstrapInterval(bleuStatistics(hypotheses, references), { seed: 1 }); // { score: 41, low: 39.8, high: 42.3, … }
 */
export function bootstrapInterval(
  statistics: ItemStatistics,
  options: BootstrapOptions = {},
): BootstrapInterval {
  const where = 'bootstrapInterval';
  const upper = upperTail(where, options.confidence);
  const table = tableOf(where, statistics);
  const resampledScores: number[] = [];
  for (const indices of resamplesOf(where, table.items, options)) {
    resampledScores.push(statistics.score(sumSelected(table, indices)));
  }
  return {
    score: statistics.score(sumRows(statistics.rows)),
    ...percentiles(resampledScores, upper),
    standardError: standardDeviation(resampledScores),
    resampledScores,
  };
}

/**
 * Paired bootstrap test: both systems are scored on the same draws. The p-value shifts the resampled differences so
 * that their mean is 0, as it is when the systems are equal, and asks how often they still reach the observed one.
 *
 * @param first - statistics of the first system
 * @param second - statistics of the second system on the same items
 * @throws ShapeError when the items differ in number or are none, ConfigError for a wrong option
 * @example
 * pairedBootstrap(bleuStatistics(a, references), bleuStatistics(b, references)).pValue; // 0.03
 *
 * Paper: Riezler and Maxwell, On Some Pitfalls in Automatic Evaluation and Significance Testing for MT, 2005.
 */
export function pairedBootstrap(
  first: ItemStatistics,
  second: ItemStatistics,
  options: BootstrapOptions = {},
): PairedBootstrap {
  const where = 'pairedBootstrap';
  const upper = upperTail(where, options.confidence);
  const [a, b] = [tableOf(where, first), tableOf(where, second)];
  if (a.items !== b.items) {
    throw new ShapeError({
      where,
      expected: `${a.items} items in both systems`,
      got: `${b.items} in the second`,
    });
  }
  const differences: number[] = [];
  for (const indices of resamplesOf(where, a.items, options)) {
    differences.push(first.score(sumSelected(a, indices)) - second.score(sumSelected(b, indices)));
  }
  const difference = first.score(sumRows(first.rows)) - second.score(sumRows(second.rows));
  return {
    difference,
    ...percentiles(differences, upper),
    pValue: shiftedPValue(differences, difference),
    winRate: differences.filter((d) => d > 0).length / differences.length,
  };
}

/**
 * Statistics of a plain mean, `[value, 1]`, so that it can be bootstrapped too.
 *
 * @example
 * bootstrapInterval(meanStatistics([0.2, 0.9, 0.4]));
 */
export function meanStatistics(values: readonly number[]): ItemStatistics {
  return { rows: values.map((value) => [value, 1]), score: (sum) => sum[0]! / sum[1]! };
}

/** Counts the observed difference as one of the draws, so that the p-value is never 0. */
function shiftedPValue(differences: readonly number[], observed: number): number {
  const mean = differences.reduce((sum, d) => sum + d, 0) / differences.length;
  const asLarge = differences.filter((d) => Math.abs(d - mean) >= Math.abs(observed)).length;
  return (asLarge + 1) / (differences.length + 1);
}

function percentiles(scores: readonly number[], upper: number): Interval {
  const sorted = Float64Array.from(scores).sort();
  return { low: quantile(sorted, 1 - upper), high: quantile(sorted, upper) };
}

/** Rows in one block: a resample reads them in random order. */
interface Table {
  readonly items: number;
  readonly width: number;
  readonly values: Float64Array;
}

function tableOf(where: string, { rows }: ItemStatistics): Table {
  if (rows.length === 0) throw new ShapeError({ where, expected: 'at least one item', got: 'none' });
  const width = rows[0]!.length;
  const uneven = rows.findIndex((row) => row.length !== width);
  if (uneven >= 0) {
    const got = `${rows[uneven]!.length} in row ${uneven}`;
    throw new ShapeError({ where, expected: `rows of ${width} statistics`, got });
  }
  return { items: rows.length, width, values: Float64Array.from(rows.flat()) };
}

function sumSelected({ width, values }: Table, indices: ArrayLike<number>): Float64Array {
  const sum = new Float64Array(width);
  for (let i = 0; i < indices.length; i++) {
    const start = indices[i]! * width;
    for (let k = 0; k < width; k++) sum[k]! += values[start + k]!;
  }
  return sum;
}

function* resamplesOf(where: string, items: number, options: BootstrapOptions): Generator<ArrayLike<number>> {
  const resamples = options.indices?.length ?? options.resamples ?? 1000;
  if (!Number.isInteger(resamples) || resamples < 2) {
    throw new ConfigError({ where, expected: 'resamples of at least 2', got: `${resamples}` });
  }
  if (options.indices) for (const indices of options.indices) yield checkedIndices(where, indices, items);
  else yield* drawn(resamples, items, options.seed ?? 1);
}

/** Draws with replacement; every draw overwrites the one before. */
function* drawn(resamples: number, items: number, seed: number): Generator<Uint32Array> {
  const random = new Random(seed, 'bootstrap');
  const indices = new Uint32Array(items);
  for (let r = 0; r < resamples; r++) {
    for (let i = 0; i < items; i++) indices[i] = random.integer(items);
    yield indices;
  }
}

function checkedIndices(where: string, indices: ArrayLike<number>, items: number): ArrayLike<number> {
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i]!;
    if (Number.isInteger(index) && index >= 0 && index < items) continue;
    throw new ConfigError({ where, expected: `indices from 0 to ${items - 1}`, got: `${index}` });
  }
  return indices;
}
