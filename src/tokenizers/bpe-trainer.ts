/**
 * Byte-pair encoding, the learn phase: merge the most frequent pair of neighbours, again and again.
 *
 * Pair counts are kept up to date at the places where a merge happened, so that a step costs as much as the
 * words that it changes. Ties: the higher count first, then the pair whose left piece has the lower id, then
 * the lower right id. Ids are given in the order: characters by code point, characters with the end-of-word
 * mark, merges.
 *
 * Paper: Sennrich, Haddow and Birch, ACL 2016 (arXiv 1508.07909).
 */
import { Heap } from './heap.ts';
import type { Merge, TrainingReport } from './types.ts';

export interface BpeTrainingOptions {
  /** Appended to the last symbol of each word; '' for none. */
  readonly endOfWord: string;
  /** Symbols that are always in the vocabulary. */
  readonly alphabet?: Iterable<string>;
  /** Keep only this many of the most frequent symbols (those of `alphabet` count as the most frequent). */
  readonly limitAlphabet?: number | undefined;
  /** Stop at this many pieces. */
  readonly maxPieces: number;
  /** Stop at this many merges. */
  readonly maxMerges: number;
  /** Stop when the best pair is rarer than this. */
  readonly minFrequency: number;
  /** Pieces that must never be made. */
  readonly isForbidden?: (piece: string) => boolean;
}

export interface LearnedBpe {
  readonly pieces: string[];
  readonly merges: Merge[];
  readonly reason: TrainingReport['reason'];
}

interface TrainingWord {
  symbols: number[];
  readonly count: number;
}

interface Candidate {
  readonly key: number;
  readonly count: number;
}

// left · 2²⁴ + right: keys order pairs by left id, then by right id, and are exact in a double.
const KEY_STEP = 2 ** 24;

/** Learns merges from the counts of words, each word a string of symbols (code points). */
export function trainBpe(words: ReadonlyMap<string, number>, options: BpeTrainingOptions): LearnedBpe {
  return new BpeTrainer(words, options).train();
}

class BpeTrainer {
  private readonly options: BpeTrainingOptions;
  private readonly pieces: string[] = [];
  private readonly ids = new Map<string, number>();
  private readonly words: TrainingWord[] = [];
  private readonly pairCounts = new Map<number, number>();
  private readonly pairWords = new Map<number, number[]>();
  private readonly queue = new Heap<Candidate>((a, b) =>
    a.count === b.count ? a.key < b.key : a.count > b.count,
  );

  constructor(words: ReadonlyMap<string, number>, options: BpeTrainingOptions) {
    this.options = options;
    const kept = this.addAlphabet(words);
    for (const [word, count] of words) this.words.push({ symbols: this.symbolsOf(word, kept), count });
    for (const [index, word] of this.words.entries()) this.countPairs(word, index);
    for (const [key, count] of this.pairCounts) this.queue.push({ key, count });
  }

  train(): LearnedBpe {
    const { maxPieces, maxMerges, minFrequency } = this.options;
    const merges: Merge[] = [];
    const done = (reason: TrainingReport['reason']) => ({ pieces: this.pieces, merges, reason });
    while (this.pieces.length < maxPieces && merges.length < maxMerges) {
      const best = this.nextPair();
      if (!best) return done('exhausted');
      if (best.count < minFrequency) return done('minFrequency');
      const left = Math.floor(best.key / KEY_STEP);
      const right = best.key % KEY_STEP;
      const merge: Merge = [this.pieces[left]!, this.pieces[right]!];
      if (this.isForbidden(merge)) continue;
      merges.push(merge);
      this.mergePair(left, right, this.add(merge[0] + merge[1]));
    }
    return done('reached');
  }

  private add(piece: string): number {
    let id = this.ids.get(piece);
    if (id === undefined) {
      id = this.pieces.push(piece) - 1;
      this.ids.set(piece, id);
    }
    return id;
  }

  private addAlphabet(words: ReadonlyMap<string, number>): Set<string> {
    const { alphabet = [], limitAlphabet = Infinity, endOfWord } = this.options;
    const counts = new Map<string, number>();
    for (const [word, count] of words) {
      for (const symbol of word) counts.set(symbol, (counts.get(symbol) ?? 0) + count);
    }
    for (const symbol of alphabet) counts.set(symbol, Infinity);
    const kept = new Set(mostFrequent(counts, limitAlphabet).sort(byCodePoint));
    for (const symbol of kept) this.add(symbol);
    if (endOfWord) {
      const finals = new Set([...words.keys()].map(lastCodePoint).filter((symbol) => kept.has(symbol)));
      for (const symbol of [...finals].sort(byCodePoint)) this.add(symbol + endOfWord);
    }
    return kept;
  }

  private symbolsOf(word: string, kept: ReadonlySet<string>): number[] {
    const symbols = [...word];
    return symbols.flatMap((symbol, index) => {
      if (!kept.has(symbol)) return [];
      const isLast = index === symbols.length - 1;
      return [this.ids.get(isLast ? symbol + this.options.endOfWord : symbol)!];
    });
  }

  private countPairs(word: TrainingWord, index: number): void {
    for (let i = 0; i + 1 < word.symbols.length; i++) {
      const key = word.symbols[i]! * KEY_STEP + word.symbols[i + 1]!;
      this.pairCounts.set(key, (this.pairCounts.get(key) ?? 0) + word.count);
      this.indexPair(key, index);
    }
  }

  private indexPair(key: number, word: number): void {
    const list = this.pairWords.get(key);
    if (!list) this.pairWords.set(key, [word]);
    else if (list[list.length - 1] !== word) list.push(word);
  }

  /** The best pair. An entry whose count has fallen since goes back with the count of today. */
  private nextPair(): Candidate | undefined {
    for (let top = this.queue.pop(); top; top = this.queue.pop()) {
      const count = this.pairCounts.get(top.key) ?? 0;
      if (count === top.count && count > 0) return top;
      if (count > 0 && count < top.count) this.queue.push({ key: top.key, count });
    }
    return undefined;
  }

  private isForbidden([left, right]: Merge): boolean {
    const { endOfWord, isForbidden } = this.options;
    const piece = left + right;
    // Letters of the text that spell the mark must not look like the end of a word.
    if (endOfWord && piece.endsWith(endOfWord) && !right.endsWith(endOfWord)) return true;
    return isForbidden?.(piece) ?? false;
  }

  private mergePair(left: number, right: number, merged: number): void {
    const changes = new Map<number, number>();
    const key = left * KEY_STEP + right;
    const words = this.pairWords.get(key) ?? [];
    this.pairWords.delete(key);
    this.pairCounts.delete(key);
    for (const index of words) this.mergeInWord(index, left, right, merged, changes);
    for (const [changed, change] of changes) {
      const count = (this.pairCounts.get(changed) ?? 0) + change;
      if (count > 0) this.pairCounts.set(changed, count);
      else this.pairCounts.delete(changed);
      if (change > 0) this.queue.push({ key: changed, count });
    }
  }

  private mergeInWord(
    index: number,
    left: number,
    right: number,
    merged: number,
    changes: Map<number, number>,
  ): void {
    const word = this.words[index]!;
    const out: number[] = [];
    const change = (a: number, b: number, sign: 1 | -1): void => {
      const key = a * KEY_STEP + b;
      changes.set(key, (changes.get(key) ?? 0) + sign * word.count);
      if (sign > 0) this.indexPair(key, index);
    };
    const { symbols } = word;
    for (let i = 0; i < symbols.length; i++) {
      if (symbols[i] !== left || symbols[i + 1] !== right) {
        out.push(symbols[i]!);
        continue;
      }
      const before = out[out.length - 1];
      if (before !== undefined) {
        change(before, left, -1);
        change(before, merged, 1);
      }
      const after = symbols[i + 2];
      if (after !== undefined) {
        change(right, after, -1);
        change(merged, after, 1);
      }
      out.push(merged);
      i++;
    }
    word.symbols = out;
  }
}

function mostFrequent(counts: ReadonlyMap<string, number>, limit: number): string[] {
  const symbols = [...counts.keys()];
  if (symbols.length <= limit) return symbols;
  const byCount = (a: string, b: string) => {
    const [countA, countB] = [counts.get(a)!, counts.get(b)!];
    return countA === countB ? byCodePoint(a, b) : countA > countB ? -1 : 1;
  };
  return symbols.sort(byCount).slice(0, limit);
}

function byCodePoint(a: string, b: string): number {
  return a.codePointAt(0)! - b.codePointAt(0)!;
}

function lastCodePoint(word: string): string {
  const low = word.charCodeAt(word.length - 1);
  return low >= 0xdc00 && low < 0xe000 ? word.slice(-2) : word.slice(-1);
}
