/**
 * Byte-pair encoding, the apply phase: the pair of neighbours with the lowest rank is merged until none is left.
 *
 * Paper: Sennrich, Haddow and Birch, Neural Machine Translation of Rare Words with Subword Units, ACL 2016
 * (arXiv 1508.07909); Gage, A New Algorithm for Data Compression, 1994.
 */
import type { Random } from '../core/random.ts';
import { PairMap } from './pair-map.ts';
import { PairQueue } from './pair-queue.ts';
import type { Merge } from './types.ts';

/** Pieces of one word, by number of symbols. */
export interface MergedSymbols {
  readonly ids: number[];
  /** `ends[i]`: symbols up to the end of piece i. */
  readonly ends: number[];
}

/** Passes over merges by chance, each time one could be made. */
export interface Dropout {
  readonly probability: number;
  readonly random: Random;
}

/** A merge in ids. */
export interface RankedMerge {
  readonly left: number;
  readonly right: number;
  readonly merged: number;
  /** The lowest is merged first; merges of one rank go from left to right and make the same piece. */
  readonly rank: number;
}

/** Merges by name as merges in ids; both parts and the result of each must be in `pieces`. */
export function* rankMerges(
  pieces: ReadonlyMap<string, number>,
  merges: readonly Merge[],
): Generator<RankedMerge> {
  for (const [rank, [left, right]] of merges.entries()) {
    yield { left: pieces.get(left)!, right: pieces.get(right)!, merged: pieces.get(left + right)!, rank };
  }
}

// Up to so many symbols, looking at all pairs again after each merge is faster than keeping them in order.
const MAX_SCANNED = 48;

/** The merges of a BPE, over the ids of a vocabulary. */
export class BpeModel {
  /** (left, right) → rank. */
  private readonly ranks = new PairMap();
  /** Rank → the piece that is made. */
  private readonly results: number[] = [];

  constructor(merges: Iterable<RankedMerge>) {
    for (const { left, right, merged, rank } of merges) {
      this.ranks.set(left, right, rank);
      this.results[rank] = merged;
    }
  }

  /**
   * Merges the symbols of one word: O(n log n) in its length.
   *
   * @param symbols - ids of the word's symbols; an id that no merge knows stays as it is
   * @param dropout - BPE-dropout: at each step every possible merge is left out with this probability
   */
  merge(symbols: readonly number[], dropout?: Dropout): MergedSymbols {
    return symbols.length <= MAX_SCANNED && !dropout
      ? this.mergeScanning(symbols)
      : this.mergeQueued(symbols, dropout);
  }

  /** The best pair of all by looking at each; the left-most of equal ones. */
  private mergeScanning(symbols: readonly number[]): MergedSymbols {
    const ids = symbols.slice();
    const ends = symbols.map((_, i) => i + 1);
    const ranks: number[] = [];
    for (let i = 0; i + 1 < ids.length; i++) ranks.push(this.ranks.get(ids[i]!, ids[i + 1]!));
    for (;;) {
      let at = -1;
      for (let i = 0; i < ranks.length; i++) {
        if (ranks[i]! >= 0 && (at < 0 || ranks[i]! < ranks[at]!)) at = i;
      }
      if (at < 0) return { ids, ends };
      ids[at] = this.results[ranks[at]!]!;
      ids.splice(at + 1, 1);
      ends.splice(at, 1);
      ranks.splice(at, 1);
      if (at > 0) ranks[at - 1] = this.ranks.get(ids[at - 1]!, ids[at]!);
      if (at < ranks.length) ranks[at] = this.ranks.get(ids[at]!, ids[at + 1]!);
    }
  }

  /** Pairs in a queue, neighbours in a linked list. */
  private mergeQueued(symbols: readonly number[], dropout: Dropout | undefined): MergedSymbols {
    const n = symbols.length;
    const ids = Int32Array.from(symbols);
    const next = new Int32Array(n);
    const previous = new Int32Array(n);
    for (let i = 0; i < n; i++) {
      next[i] = i + 1;
      previous[i] = i - 1;
    }
    const queue = new PairQueue();
    // Below 0 where no merge is possible; also for a place that has been merged away, whose id is −1.
    const rankAt = (i: number): number =>
      i >= 0 && next[i]! < n && ids[i]! >= 0 ? this.ranks.get(ids[i]!, ids[next[i]!]!) : -1;
    const enqueue = (i: number): void => {
      const rank = rankAt(i);
      if (rank >= 0) queue.push(rank, i);
    };
    for (let i = 0; i < n; i++) enqueue(i);
    const passedOver: { readonly place: number; readonly rank: number }[] = [];
    while (queue.pop()) {
      const { rank, position } = queue;
      // Stale when a part has been merged away or has changed.
      if (rankAt(position) !== rank) continue;
      if (dropout && dropout.random.uniform() < dropout.probability) {
        passedOver.push({ place: position, rank });
        continue;
      }
      const right = next[position]!;
      ids[position] = this.results[rank]!;
      ids[right] = -1;
      next[position] = next[right]!;
      if (next[position]! < n) previous[next[position]!] = position;
      enqueue(previous[position]!);
      enqueue(position);
      // The next step asks again about what this one has passed over.
      for (const { place, rank: before } of passedOver.splice(0)) {
        if (rankAt(place) === before) queue.push(before, place);
      }
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
