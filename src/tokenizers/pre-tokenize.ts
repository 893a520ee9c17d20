/**
 * Splits text into the words that the model sees; pieces never cross a word.
 *
 * Whitespace is the Unicode property White_Space, which JavaScript's `\s` is not.
 */
import type { PreTokenizerName } from './types.ts';

const WORD_CHARACTER = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}';

/** Ideographs, each a word of its own in BERT (Devlin et al. 2018). */
export const IDEOGRAPH =
  '\\u4e00-\\u9fff\\u3400-\\u4dbf\\u{20000}-\\u{2a6df}\\u{2a700}-\\u{2b81f}\\u{2b820}-\\u{2ceaf}\\uf900-\\ufaff\\u{2f800}-\\u{2fa1f}';

/** BERT's punctuation: every printable ASCII character that is no letter or digit, and Unicode's. */
export const PUNCTUATION = '!-\\/:-@\\[-`\\{-~\\p{P}';

/** The pre-tokenizers that cut text without changing it: all but `metaspace`. */
export type WordSplit = Exclude<PreTokenizerName, 'metaspace'>;

const patterns: Readonly<Record<WordSplit, RegExp>> = {
  whitespace: /\P{White_Space}+/gu,
  // Runs of word characters and runs of anything else that is not white space: `\w+|[^\w\s]+`.
  punctuation: new RegExp(`[${WORD_CHARACTER}]+|[^${WORD_CHARACTER}\\p{White_Space}]+`, 'gu'),
  // The pattern of GPT-2 (Radford et al. 2019); every character falls into exactly one word.
  byteLevel:
    /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu,
  bert: new RegExp(`[${IDEOGRAPH}${PUNCTUATION}]|[^${IDEOGRAPH}${PUNCTUATION}\\p{White_Space}]+`, 'gu'),
};

/** The names of the pre-tokenizers that cut text without changing it. */
export const wordSplits = Object.keys(patterns) as readonly WordSplit[];

/** The names of the pre-tokenizers. */
export const preTokenizerNames: readonly PreTokenizerName[] = [...wordSplits, 'metaspace'];

/** One word of a text and where it begins, in UTF-16 units. */
export interface Word {
  readonly text: string;
  readonly start: number;
}

/**
 * The words of a text, in order.
 *
 * @param name - `whitespace`: runs without white space; `punctuation`: `\w+|[^\w\s]+`; `byteLevel`: GPT-2's
 * pattern, which keeps white space, a single space with the word that follows it; `bert`: as `whitespace`, with
 * every punctuation character and every ideograph by itself
 * @example
 * splitWords("it's 9", 'byteLevel').map((word) => word.text); // ['it', "'s", ' 9']
 */
export function splitWords(text: string, name: WordSplit): Word[] {
  return matchWords(text, patterns[name]);
}

/** The matches of a global pattern, with their places. */
export function matchWords(text: string, pattern: RegExp): Word[] {
  const words: Word[] = [];
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    words.push({ text: match[0], start: match.index });
  }
  return words;
}
