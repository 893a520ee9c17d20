/** Whole words as tokens: a word that training did not keep is unknown. */
import { BaseTokenizer, type WordPieces } from './base.ts';
import { countUnits, learnFrequent } from './counting.ts';
import type { KindDefinition } from './kind.ts';
import { normalizeText } from './normalize.ts';
import { commonOptions, frequencyOptions } from './options.ts';
import { splitWords, type Word } from './pre-tokenize.ts';
import { show } from './saved-fields.ts';
import { specialIds } from './special-tokens.ts';
import type { WordConfig, WordData } from './types.ts';
import { Vocabulary } from './vocabulary.ts';

/**
 * A tokenizer of whole words. Decoding joins them with a space; a word that ends in `continuation` joins the
 * next one without, as subword-nmt's `sed 's/@@ //g'`.
 *
 * @example
 * const tokenizer = trainTokenizer({ kind: 'word' }, ['ein hund', 'ein mann']);
 * tokenizer.decode(tokenizer.encode('ein mann')); // 'ein mann'
 */
export class WordTokenizer extends BaseTokenizer {
  readonly kind = 'word' as const;
  private readonly preTokenizer: 'whitespace' | 'punctuation';
  private readonly continuation: string | undefined;

  /** @param data - a checked saved form; use `loadTokenizer` or `trainTokenizer` */
  constructor(data: Omit<WordData, 'vocab'>, pieces: readonly string[]) {
    super(new Vocabulary(data.specialTokens, pieces), data.normalizers);
    this.preTokenizer = data.preTokenizer;
    this.continuation = data.continuation;
  }

  normalize(text: string): string {
    return this.joinWords(this.split(normalizeText(text, this.normalizers)).map((word) => word.text));
  }

  toJSON(): WordData {
    const { preTokenizer, continuation } = this;
    const common = { ...this.commonJSON(), kind: this.kind, preTokenizer };
    return continuation === undefined ? common : { ...common, continuation };
  }

  protected split(text: string): Word[] {
    return splitWords(text, this.preTokenizer);
  }

  protected encodeWord(word: string): WordPieces {
    return { ids: [this.vocabulary.pieces.get(word) ?? specialIds.unk], starts: [0], ends: [word.length] };
  }

  protected join(ids: readonly number[], token: (id: number) => string): string {
    return this.joinWords(ids.map(token));
  }

  private joinWords(words: readonly string[]): string {
    const mark = this.continuation;
    if (!mark) return words.join(' ');
    const last = words.length - 1;
    return words
      .map((word, i) => (word.endsWith(mark) ? word.slice(0, -mark.length) : i === last ? word : `${word} `))
      .join('');
  }
}

const preTokenizers = ['whitespace', 'punctuation'] as const;

/** Kind `word`. */
export const wordKind: KindDefinition<WordConfig, WordData> = {
  options: {
    ...commonOptions,
    ...frequencyOptions,
    preTokenizer: { type: 'name', names: preTokenizers, about: 'how text is split into words' },
    continuation: { type: 'text', about: 'a word with this ending joins the next one, as @@' },
  },
  train({ preTokenizer = 'whitespace', continuation, ...limits }, common, lines) {
    const split = (text: string) => splitWords(text, preTokenizer).map((word) => word.text);
    const parts = { ...common, kind: 'word' as const, preTokenizer };
    return learnFrequent(
      continuation === undefined ? parts : { ...parts, continuation },
      countUnits(lines, common.normalizers, split),
      limits,
    );
  },
  read(fields, common) {
    const parts = {
      ...common,
      kind: 'word' as const,
      preTokenizer: fields.name('preTokenizer', preTokenizers),
    };
    const continuation = fields.get('continuation');
    if (continuation === undefined) return parts;
    if (typeof continuation !== 'string' || continuation === '') {
      return fields.fail('a text as continuation', show(continuation), 'leave it out for none');
    }
    return { ...parts, continuation };
  },
  create: (parts, pieces) => new WordTokenizer(parts, pieces),
};
