/**
 * Byte-pair encoding, the apply phase: the pair of neighbours with the lowest rank is merged until none is left.
 *
 * Paper: Sennrich, Haddow and Birch, Neural Machine Translation of Rare Words with Subword Units, ACL 2016
 * (arXiv 1508.07909); Gage, A New Algorithm for Data Compression, 1994.
 */
import { PairQueue } from './pair-queue.ts';
import type { Merge } from './types.ts';

/** Pieces of one word, by number of symbols. */
export interface MergedSymbols {
  readonly ids: number[];
  /** `ends[i]`: symbols up to the end of piece i. */
  readonly ends: number[];
}

/** The merges of a BPE, over the ids of a vocabulary. */
export class BpeModel {
  /** left id → right id → rank. */
  private readonly ranks = new Map<number, Map<number, number>>();
  private readonly results: Int32Array;

  /**
   * @param pieces - piece → id; both parts and the result of each merge must be in it
   * @param merges - in the order of their ranks
   */
  constructor(pieces: ReadonlyMap<string, number>, merges: readonly Merge[]) {
    this.results = new Int32Array(merges.length);
    merges.forEach(([left, right], rank) => {
      this.results[rank] = pieces.get(left + right)!;
      const leftId = pieces.get(left)!;
      let row = this.ranks.get(leftId);
      if (!row) this.ranks.set(leftId, (row = new Map()));
      row.set(pieces.get(right)!, rank);
    });
  }

  /**
   * Merges the symbols of one word: O(n log n) in its length.
   *
   * @param symbols - ids of the word's symbols; an id that no merge knows stays as it is
   */
  merge(symbols: readonly number[]): MergedSymbols {
    const n = symbols.length;
    const ids = Int32Array.from(symbols);
    const next = new Int32Array(n);
    const previous = new Int32Array(n);
    for (let i = 0; i < n; i++) {
      next[i] = i + 1;
      previous[i] = i - 1;
    }
    const queue = new PairQueue();
    const rankAt = (i: number): number | undefined =>
      i >= 0 && next[i]! < n ? this.ranks.get(ids[i]!)?.get(ids[next[i]!]!) : undefined;
    const enqueue = (i: number): void => {
      const rank = rankAt(i);
      if (rank !== undefined) queue.push(rank, i);
    };
    for (let i = 0; i < n; i++) enqueue(i);
    while (queue.pop()) {
      const { rank, position } = queue;
      // Stale when the left part has been merged away (its id is −1 then) or a part has changed.
      if (rankAt(position) !== rank) continue;
      const right = next[position]!;
      ids[position] = this.results[rank]!;
      ids[right] = -1;
      next[position] = next[right]!;
      if (next[position]! < n) previous[next[position]!] = position;
      enqueue(previous[position]!);
      enqueue(position);
    }
    return collect(ids, next);
  }
}

function collect(ids: Int32Array, next: Int32Array): MergedSymbols {
  const merged: MergedSymbols = { ids: [], ends: [] };
  for (let i = 0; i < ids.length; i = next[i]!) {
    merged.ids.push(ids[i]!);
    merged.ends.push(next[i]!);
  }
  return merged;
}
