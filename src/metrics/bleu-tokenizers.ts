/**
 * The tokenizers of BLEU. A score is comparable only with scores under the same one, so their oddities are kept.
 *
 * Papers: Papineni et al., BLEU, ACL 2002 (counts words, leaves the tokenizer open); Post, A Call for Clarity in
 * Reporting BLEU Scores, WMT 2018 (names them).
 */
import { splitWords, trimEnd, trimStart } from './text.ts';

/** Names of the tokenizers, as they stand in a signature. */
export const bleuTokenizers = ['13a', 'none', 'char', 'zh', 'intl'] as const;

/**
 * - `13a`: the rules of mteval-v13a, for languages with spaces; the default.
 * - `none`: words as they are.
 * - `char`: every character that is not white space.
 * - `zh`: every Chinese character and full-width sign, the rest as `13a` does.
 * - `intl`: the Unicode rules of mteval-v14.
 */
export type BleuTokenizer = (typeof bleuTokenizers)[number];

const tokenizers: Readonly<Record<BleuTokenizer, (text: string) => string[]>> = {
  '13a': (text) => splitWords(separateAscii(` ${unescapeMarkup(text)} `)),
  none: splitWords,
  char: (text) => [...splitWords(text).join('')],
  zh: (text) => splitWords(separateAscii(trimStart(text).replace(CHINESE, ' $& '))),
  intl: (text) => splitWords(separateUnicode(text)),
};

/**
 * Words that BLEU counts.
 *
 * @param text - one segment; white space at its end is dropped first
 * @param tokenizer - which rules
 * @returns tokens without white space
 * @example
 * tokenizeForBleu('Hello, world.', '13a'); // ['Hello', ',', 'world', '.']
 */
export function tokenizeForBleu(text: string, tokenizer: BleuTokenizer = '13a'): string[] {
  return tokenizers[tokenizer](trimEnd(text));
}

function unescapeMarkup(text: string): string {
  const joined = text.replaceAll('<skipped>', '').replaceAll('-\n', '').replaceAll('\n', ' ');
  // in this order: `&amp;lt;` ends as `<`
  return joined
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>');
}

/** Sets ASCII signs apart, but not ' - . , between letters or digits where those belong to the word. */
function separateAscii(text: string): string {
  return text
    .replace(/[ -&(-+/:-@[-`{-~]/g, ' $& ')
    .replace(/([^0-9])([.,])/gu, '$1 $2 ')
    .replace(/([.,])([^0-9])/gu, ' $1 $2')
    .replace(/([0-9])-/g, '$1 - ');
}

/** Sets punctuation apart unless digits are on both sides of it, and every symbol. */
function separateUnicode(text: string): string {
  return text
    .replace(/(\P{N})(\p{P})/gu, '$1 $2 ')
    .replace(/(\p{P})(\P{N})/gu, ' $1 $2')
    .replace(/\p{S}/gu, ' $& ');
}

/**
 * What `zh` sets apart. The published list means to hold two ranges above U+FFFF but spells them with four digits, so
 * that U+2001 to U+2A6D (general punctuation, arrows, symbols) is in it and ideographs beyond the first plane are not.
 */
const CHINESE = new RegExp(
  `[${[
    '\\u2001-\\u2a6d',
    '\\u2e80-\\u2fdf',
    '\\u2ff0-\\u303f',
    '\\u3100-\\u312f',
    '\\u31a0-\\u31ef',
    '\\u3200-\\u4db5',
    '\\u4e00-\\u9fbb',
    '\\uf900-\\ufa2d',
    '\\ufa30-\\ufa6a',
    '\\ufa70-\\ufad9',
    '\\ufe10-\\ufe1f',
    '\\ufe30-\\ufe4f',
    '\\uff00-\\uffef',
  ].join('')}]`,
  'gu',
);
