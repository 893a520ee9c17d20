/**
 * The words of one source text that the vocabulary lacks, with ids of their own beyond it, so that a model can copy
 * what it has never seen.
 *
 * Paper: See, Liu & Manning, Get To The Point, 2017, §2.2, https://arxiv.org/abs/1704.04368
 */
import type { PairCodec, Tokenizer } from './types.ts';

/**
 * A vocabulary and the unknown words of one source, which have ids from V on, in the order in which they first appear.
 * A word of the target that neither holds stays unknown.
 *
 * @example
 * const vocabulary = new ExtendedVocabulary(trainTokenizer({ kind: 'word' }, ['hello']), 'hello Zoe');
 * vocabulary.source; // [4, 5]
 * vocabulary.decode(vocabulary.encode('Zoe hello')); // 'Zoe hello'
 */
export class ExtendedVocabulary implements PairCodec {
  readonly source: readonly number[];
  /** The unknown words, whose ids are V, V + 1, … */
  readonly words: readonly string[];
  private readonly tokenizer: Tokenizer;
  private readonly places = new Map<string, number>();

  constructor(tokenizer: Tokenizer, text: string) {
    this.tokenizer = tokenizer;
    this.source = this.idsOf(text, (word) => {
      const place = this.places.get(word) ?? this.places.size;
      this.places.set(word, place);
      return tokenizer.vocabSize + place;
    });
    this.words = [...this.places.keys()];
  }

  encode(target: string): number[] {
    const { vocabSize, specialTokens } = this.tokenizer;
    return this.idsOf(target, (word) => {
      const place = this.places.get(word);
      return place === undefined ? specialTokens.unk : vocabSize + place;
    });
  }

  decode(ids: readonly number[]): string {
    return this.tokenizer.decode(ids, { words: this.words });
  }

  sourceToken(id: number): string {
    return this.words[id - this.tokenizer.vocabSize] ?? this.tokenizer.token(id);
  }

  targetToken(id: number): string {
    return this.sourceToken(id);
  }

  /** Ids of a text, unknown pieces through `unknown`. */
  private idsOf(text: string, unknown: (word: string) => number): number[] {
    const { tokenizer } = this;
    const { ids, offsets } = tokenizer.encodeWithOffsets(text);
    return ids.map((id, i) => {
      if (id !== tokenizer.specialTokens.unk) return id;
      return unknown(tokenizer.normalize(text.slice(...offsets[i]!)));
    });
  }
}
