/** Unicode code points as tokens: a letter, an emoji or a rare ideograph is one token, never half of one. */
import { BaseTokenizer, type WordPieces } from './base.ts';
import { countUnits, learnFrequent } from './counting.ts';
import type { KindDefinition } from './kind.ts';
import { normalizeText } from './normalize.ts';
import { commonOptions, frequencyOptions } from './options.ts';
import type { Word } from './pre-tokenize.ts';
import { show } from './saved-fields.ts';
import { specialIds } from './special-tokens.ts';
import type { CharConfig, CharData } from './types.ts';
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

  protected join(ids: readonly number[], token: (id: number) => string): string {
    return ids.map(token).join('');
  }
}

/** Kind `char`. */
export const charKind: KindDefinition<CharConfig, CharData> = {
  options: { ...commonOptions, ...frequencyOptions },
  train(config, common, lines) {
    const counts = countUnits(lines, common.normalizers, (text) => text);
    return learnFrequent({ ...common, kind: 'char' }, counts, config);
  },
  read(fields, common, pieces) {
    const long = pieces.find((piece) => [...piece].length !== 1);
    if (long !== undefined) fields.fail('single characters in vocab', show(long), 'the file is damaged');
    return { ...common, kind: 'char' };
  },
  create: (parts, pieces) => new CharTokenizer(parts, pieces),
};
