/**
 * Words as sequences of pieces, and how often each pair of neighbours occurs.
 *
 * The counts are kept up to date at the places where a merge happens, so that a merge costs as much as the words
 * that it changes.
 */

/** A word of the training text and how often it occurs. */
export interface TrainingWord {
  symbols: readonly number[];
  readonly count: number;
}

// left · 2²⁴ + right: keys order pairs by left id, then by right id, and are exact in a double.
const KEY_STEP = 2 ** 24;

/** The number of a pair; smaller ones come first where nothing else decides. */
export function pairKey(left: number, right: number): number {
  return left * KEY_STEP + right;
}

/** The two pieces of a pair. */
export function pairOf(key: number): readonly [left: number, right: number] {
  return [Math.floor(key / KEY_STEP), key % KEY_STEP];
}

/** Counts of pairs and pieces under merging. */
export class PairCounts {
  /** Occurrences of each pair; a pair that does not occur is not in it. */
  readonly pairs = new Map<number, number>();
  /** Occurrences of each piece, by id. */
  readonly pieces: number[] = [];
  private readonly words: readonly TrainingWord[];
  /** The words that a pair was seen in; some may have lost it. */
  private readonly places = new Map<number, number[]>();

  constructor(words: readonly TrainingWord[]) {
    this.words = words;
    words.forEach(({ symbols, count }, index) => {
      symbols.forEach((symbol, i) => {
        this.countPiece(symbol, count);
        if (i === 0) return;
        const key = pairKey(symbols[i - 1]!, symbol);
        this.pairs.set(key, (this.pairs.get(key) ?? 0) + count);
        this.addPlace(key, index);
      });
    });
  }

  /**
   * Makes one piece of a pair wherever it occurs, from left to right.
   *
   * @returns how much the count of each other pair has changed
   */
  merge(key: number, merged: number): ReadonlyMap<number, number> {
    const changes = new Map<number, number>();
    const words = this.places.get(key) ?? [];
    this.places.delete(key);
    this.pairs.delete(key);
    for (const index of words) this.mergeInWord(index, key, merged, changes);
    for (const [changed, change] of changes) {
      const count = (this.pairs.get(changed) ?? 0) + change;
      if (count > 0) this.pairs.set(changed, count);
      else this.pairs.delete(changed);
    }
    return changes;
  }

  private countPiece(id: number, change: number): void {
    this.pieces[id] = (this.pieces[id] ?? 0) + change;
  }

  private addPlace(key: number, word: number): void {
    const list = this.places.get(key);
    if (!list) this.places.set(key, [word]);
    else if (list[list.length - 1] !== word) list.push(word);
  }

  private mergeInWord(index: number, key: number, merged: number, changes: Map<number, number>): void {
    const [left, right] = pairOf(key);
    const word = this.words[index]!;
    const { symbols, count } = word;
    const out: number[] = [];
    const change = (a: number, b: number, sign: 1 | -1): void => {
      const pair = pairKey(a, b);
      if (pair === key) return;
      changes.set(pair, (changes.get(pair) ?? 0) + sign * count);
      if (sign > 0) this.addPlace(pair, index);
    };
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
      this.countPiece(left, -count);
      this.countPiece(right, -count);
      this.countPiece(merged, count);
      i++;
    }
    word.symbols = out;
  }
}
