/** Which keys each query sees, as lists of ranges: memory and time grow with what is seen, not with T · S. */
import { ShapeError } from '../../errors.ts';

/** The keys `first` … `end` − 1. */
export type KeyRange = readonly [first: number, end: number];

/** Neighbouring queries that see the same keys. */
export interface PatternRun {
  /** How many. */
  readonly queries: number;
  /** Rising, without overlap. */
  readonly ranges: readonly KeyRange[];
}

/**
 * A sparse graph of attention: T queries, S keys, and the edges between them.
 *
 * @example
 * // Two queries that see key 0 and their own, then one that sees all three.
 * new SparsePattern([{ queries: 1, ranges: [[0, 1]] }, { queries: 1, ranges: [[0, 2]] },
 *   { queries: 1, ranges: [[0, 3]] }], 3);
 */
export class SparsePattern {
  /** T */
  readonly queries: number;
  /** S */
  readonly keys: number;
  /** `[2, R + 1]`: the first query and the first range of each run, and the ends. */
  readonly runs: Int32Array;
  /** `[2, M]`: first keys, then ends. */
  readonly ranges: Int32Array;
  /** Edges: pairs of a query and a key that it sees. */
  readonly pairs: number;

  /**
   * @param runs - all queries, in order
   * @param keys - S
   * @throws {ShapeError} when ranges overlap, fall or leave the keys
   */
  constructor(runs: readonly PatternRun[], keys: number) {
    const count = runs.reduce((total, { ranges }) => total + ranges.length, 0);
    this.runs = new Int32Array(2 * (runs.length + 1));
    this.ranges = new Int32Array(2 * count);
    this.keys = keys;
    const starts = runs.length + 1;
    let [query, range, pairs] = [0, 0, 0];
    for (const [i, run] of runs.entries()) {
      checkRanges(run.ranges, keys);
      for (const [first, end] of run.ranges) {
        this.ranges[range] = first;
        this.ranges[count + range++] = end;
        pairs += run.queries * (end - first);
      }
      query += run.queries;
      this.runs[i + 1] = query;
      this.runs[starts + i + 1] = range;
    }
    this.queries = query;
    this.pairs = pairs;
  }
}

function checkRanges(ranges: readonly KeyRange[], keys: number): void {
  let before = 0;
  for (const [first, end] of ranges) {
    if (first < before || end <= first || end > keys) {
      throw new ShapeError({
        where: 'SparsePattern',
        expected: `ranges of keys that rise within 0 … ${keys}`,
        got: ranges.map((range) => `[${range.join(', ')})`).join(' '),
      });
    }
    before = end;
  }
}

/** 1 where a query sees a key, row-major `[T, S]`, from the arrays of a pattern: the slow way, for references. */
export function denseMask(runs: ArrayLike<number>, ranges: ArrayLike<number>, keys: number): Uint8Array {
  const [starts, count] = [runs.length / 2, ranges.length / 2];
  const seen = new Uint8Array(runs[starts - 1]! * keys);
  for (let run = 0; run + 1 < starts; run++) {
    for (let t = runs[run]!; t < runs[run + 1]!; t++) {
      for (let i = runs[starts + run]!; i < runs[starts + run + 1]!; i++) {
        seen.fill(1, t * keys + ranges[i]!, t * keys + ranges[count + i]!);
      }
    }
  }
  return seen;
}
