/** Which pair is merged next. */
import { Heap } from './heap.ts';
import { type PairCounts, pairOf } from './pair-counts.ts';

/** Hands out pairs, the best one first; the caller says what each merge has changed. */
export interface PairSelection {
  /**
   * Takes out the best pair that is left; undefined when none is frequent enough. A pair may come twice.
   */
  next(): number | undefined;
  /** A pair has become `merged`, and these counts have changed by it. */
  update(key: number, merged: number, changes: ReadonlyMap<number, number>): void;
}

interface Candidate {
  readonly key: number;
  readonly score: number;
}

const byScore = (a: Candidate, b: Candidate): boolean =>
  a.score === b.score ? a.key < b.key : a.score > b.score;

/** The most frequent pair: f(ab). Ties: the lower left id, then the lower right id. */
export class FrequencySelection implements PairSelection {
  private readonly counts: PairCounts;
  private readonly minFrequency: number;
  private readonly queue = new Heap<Candidate>(byScore);

  constructor(counts: PairCounts, minFrequency: number) {
    this.counts = counts;
    this.minFrequency = minFrequency;
    for (const [key, score] of counts.pairs) this.queue.push({ key, score });
  }

  /** An entry whose count has fallen since goes back with the count of today. */
  next(): number | undefined {
    for (let top = this.queue.pop(); top && top.score >= this.minFrequency; top = this.queue.pop()) {
      const { key } = top;
      const score = this.counts.pairs.get(key) ?? 0;
      if (score === top.score) return key;
      if (score > 0 && score < top.score) this.queue.push({ key, score });
    }
    return undefined;
  }

  update(_key: number, _merged: number, changes: ReadonlyMap<number, number>): void {
    for (const [key, change] of changes) {
      if (change > 0) this.queue.push({ key, score: this.counts.pairs.get(key)! });
    }
  }
}

/**
 * The pair that raises the likelihood of the text most where it is merged: f(ab) / (f(a) f(b)). Ties as above.
 *
 * The score of a pair rises when its pieces are used up elsewhere, so every merge rates all pairs of its pieces
 * again.
 *
 * Paper: Schuster and Nakajima, Japanese and Korean Voice Search, ICASSP 2012.
 */
export class LikelihoodSelection implements PairSelection {
  private readonly counts: PairCounts;
  private readonly minFrequency: number;
  private readonly queue = new Heap<Candidate>(byScore);
  /** The pairs that a piece was seen in. */
  private readonly pairsOf = new Map<number, Set<number>>();

  constructor(counts: PairCounts, minFrequency: number) {
    this.counts = counts;
    this.minFrequency = minFrequency;
    for (const key of counts.pairs.keys()) {
      this.register(key);
      this.push(key);
    }
  }

  next(): number | undefined {
    for (let top = this.queue.pop(); top; top = this.queue.pop()) {
      if (this.score(top.key) === top.score) return top.key;
    }
    return undefined;
  }

  update(key: number, merged: number, changes: ReadonlyMap<number, number>): void {
    for (const changed of changes.keys()) this.register(changed);
    const touched = new Set(changes.keys());
    for (const piece of [...pairOf(key), merged]) {
      for (const pair of this.pairsOf.get(piece) ?? []) touched.add(pair);
    }
    for (const pair of touched) this.push(pair);
  }

  /** Undefined for a pair that is too rare to be merged. */
  private score(key: number): number | undefined {
    const count = this.counts.pairs.get(key) ?? 0;
    if (count < this.minFrequency) return undefined;
    const [left, right] = pairOf(key);
    return count / (this.counts.pieces[left]! * this.counts.pieces[right]!);
  }

  private push(key: number): void {
    const score = this.score(key);
    if (score !== undefined) this.queue.push({ key, score });
    else if (!this.counts.pairs.has(key)) this.forget(key);
  }

  private register(key: number): void {
    for (const piece of pairOf(key)) {
      const pairs = this.pairsOf.get(piece);
      if (pairs) pairs.add(key);
      else this.pairsOf.set(piece, new Set([key]));
    }
  }

  private forget(key: number): void {
    for (const piece of pairOf(key)) this.pairsOf.get(piece)?.delete(key);
  }
}
