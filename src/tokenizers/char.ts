/** Unicode code points as tokens: a letter, an emoji or a rare ideograph is one token, never half of one. */
import { BaseTokenizer, type WordPieces } from './base.ts';
import { normalizeText } from './normalize.ts';
import type { Word } from './pre-tokenize.ts';
import { specialIds } from './special-tokens.ts';
import type { CharData } from './types.ts';
import { Vocabulary } from './vocabulary.ts';

/**
 * A tokenizer of code points, white space included. Decoding puts them side by side.
 *
 * Paper: Al-Rfou et al., Character-Level Language Modeling with Deeper Self-Attention, AAAI 2019.
 */
export class CharTokenizer extends BaseTokenizer {
  readonly kind = 'char' as const;

  /** @param data - a checked saved form; use `loadTokenizer` or `trainTokenizer` */
  constructor(data: Omit<CharData, 'vocab'>, pieces: readonly string[]) {
    super(new Vocabulary(data.specialTokens, pieces), data.normalizers);
  }

  normalize(text: string): string {
    return normalizeText(text, this.normalizers);
  }

  toJSON(): CharData {
    return { ...this.commonJSON(), kind: this.kind };
  }

  protected split(text: string): Word[] {
    return [{ text, start: 0 }];
  }

  protected encodeWord(word: string): WordPieces {
    const ids: number[] = [];
    const starts: number[] = [];
    const ends: number[] = [];
    let at = 0;
    for (const char of word) {
      ids.push(this.vocabulary.pieces.get(char) ?? specialIds.unk);
      starts.push(at);
      ends.push((at += char.length));
    }
    return { ids, starts, ends };
  }

  protected join(ids: readonly number[]): string {
    return ids.map((id) => this.token(id)).join('');
  }
}
