/** Remembers the encodings of short words; natural text repeats them. */

// Longer words are rare, and a full cache starts again: both bound the memory to some tens of megabytes.
const MAX_WORD_LENGTH = 64;
const MAX_WORDS = 65_536;

/** A bounded map from words to what was computed for them. */
export class WordCache<T> {
  private readonly known = new Map<string, T>();

  /** The value for a word, computed when it is not remembered. */
  get(word: string, compute: (word: string) => T): T {
    const hit = this.known.get(word);
    if (hit !== undefined) return hit;
    const value = compute(word);
    if (word.length <= MAX_WORD_LENGTH) {
      if (this.known.size >= MAX_WORDS) this.known.clear();
      this.known.set(word, value);
    }
    return value;
  }
}
