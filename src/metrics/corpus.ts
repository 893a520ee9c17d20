/** What every corpus metric shares: its input, its additive statistics and its signature. */
import { HeedError, ShapeError } from '../errors.ts';

/**
 * Statistics of every item that, added up over any choice of items, give the corpus score of that choice. This is
 * what the bootstrap resamples.
 */
export interface ItemStatistics {
  /** One row per item, all of the same length. */
  readonly rows: readonly (readonly number[])[];
  /** The corpus score, in percent, of the sum of some rows. */
  readonly score: (sum: ArrayLike<number>) => number;
}

/** `references[i]` lists every accepted reference of hypothesis i. */
export type References = readonly (readonly string[])[];

/** The release of sacreBLEU whose BLEU and chrF are reproduced; the last field of their signatures. */
export const SACREBLEU_VERSION = '2.6.0';

/**
 * Turns one list per reference file into one list per item.
 *
 * @param streams - `streams[r][i]` is reference r of item i; all lists have the same length
 * @returns `references[i][r]`
 * @throws ShapeError when the lists differ in length
 * @example
 * referencesByItem([['a', 'b'], ['A', 'B']]); // [['a', 'A'], ['b', 'B']]
 */
export function referencesByItem(streams: References): string[][] {
  const length = streams[0]?.length ?? 0;
  for (const [r, stream] of streams.entries()) {
    if (stream.length === length) continue;
    throw new ShapeError({
      where: 'referencesByItem',
      expected: `${length} references in every list, as in the first`,
      got: `${stream.length} in list ${r}`,
    });
  }
  return Array.from({ length }, (_, i) => streams.map((stream) => stream[i]!));
}

/**
 * Checks that hypotheses and references belong together.
 *
 * @throws ShapeError when their numbers differ, HeedError when there is nothing to compare
 */
export function checkCorpus(where: string, hypotheses: readonly string[], references: References): void {
  if (hypotheses.length !== references.length) {
    throw new ShapeError({
      where,
      expected: `one list of references for each of the ${hypotheses.length} hypotheses`,
      got: `${references.length} lists`,
      hint: 'references[i] holds the references of hypothesis i; referencesByItem() turns one list per file into that',
    });
  }
  if (hypotheses.length === 0) throw nothingToScore(where, 'at least one hypothesis', 'none');
  const bare = references.findIndex((list) => list.length === 0);
  if (bare >= 0) throw nothingToScore(where, 'at least one reference per item', `none for item ${bare}`);
}

/** The error for input that has no score. */
export function nothingToScore(where: string, expected: string, got: string): HeedError {
  return new HeedError({ where, expected, got, code: 'E_NOTHING_TO_SCORE' });
}

/** Column sums of the rows. */
export function sumRows(rows: readonly (readonly number[])[]): number[] {
  const sum = new Array<number>(rows[0]?.length ?? 0).fill(0);
  for (const row of rows) for (let k = 0; k < sum.length; k++) sum[k] = sum[k]! + row[k]!;
  return sum;
}

/**
 * A signature: fields `name:value` joined by `|`, beginning with the number of references (`var` where it differs
 * from item to item) and the case.
 *
 * Paper: Post, A Call for Clarity in Reporting BLEU Scores, WMT 2018.
 */
export function signatureOf(
  references: References,
  lowercase: boolean,
  fields: Readonly<Record<string, string | number>>,
): string {
  const counts = new Set(references.map((list) => list.length));
  const head = { nrefs: counts.size === 1 ? [...counts][0]! : 'var', case: lowercase ? 'lc' : 'mixed' };
  return Object.entries({ ...head, ...fields })
    .map(([name, value]) => `${name}:${value}`)
    .join('|');
}
