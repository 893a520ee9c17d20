/**
 * How much a model repeats itself: within a text, and from one text to another.
 *
 * Papers: Li et al. 2016, https://arxiv.org/abs/1510.03055 (distinct-n); Zhu et al. 2018,
 * https://arxiv.org/abs/1802.01886 (self-BLEU); Holtzman et al. 2019, https://arxiv.org/abs/1904.09751;
 * Welleck et al. 2019, https://arxiv.org/abs/1908.04319 (repeated n-grams).
 */
import { ConfigError } from '../errors.ts';
import { bleu } from './bleu.ts';
import type { BleuOptions } from './bleu-options.ts';
import { countNgrams, ngramTotal, wordUnits } from './ngrams.ts';

const wordsOf = (text: string): string[] => text.split(/\s+/u).filter((word) => word !== '');

function checkOrder(where: string, n: number): void {
  if (Number.isSafeInteger(n) && n >= 1) return;
  throw new ConfigError({ where, expected: 'n-grams of at least 1 word', got: String(n) });
}

/** Different n-grams and all n-grams of a text. */
function ngramsOf(text: string, n: number): { readonly different: Iterable<string>; readonly total: number } {
  const units = wordUnits(wordsOf(text));
  return { different: countNgrams(units, n).keys(), total: ngramTotal(units, n) };
}

/**
 * distinct-n: different n-grams of all texts together over all their n-grams, in percent; low is monotonous. 100
 * where there is no n-gram.
 *
 * @param texts - words separated by white space
 * @throws ConfigError when n is not a whole number of at least 1
 * @example
 * distinct(['a b a b'], 2); // 66.7: of ab, ba, ab two are different
 */
export function distinct(texts: readonly string[], n: number): number {
  checkOrder('distinct', n);
  const all = texts.map((text) => ngramsOf(text, n));
  const total = all.reduce((sum, own) => sum + own.total, 0);
  return total === 0 ? 100 : (100 * new Set(all.flatMap(({ different }) => [...different])).size) / total;
}

/**
 * Share of n-grams that their own text had already, `1 − different / all` over all texts, in percent; 0 where there
 * is no n-gram.
 *
 * @param texts - words separated by white space
 * @throws ConfigError when n is not a whole number of at least 1
 */
export function repeatRate(texts: readonly string[], n = 4): number {
  checkOrder('repeatRate', n);
  const all = texts.map((text) => ngramsOf(text, n));
  const total = all.reduce((sum, own) => sum + own.total, 0);
  const different = all.reduce((sum, own) => sum + [...own.different].length, 0);
  return total === 0 ? 0 : 100 * (1 - different / total);
}

/** How much texts repeat themselves and each other, in percent. */
export interface Degeneration {
  readonly 'distinct-1': number;
  readonly 'distinct-2': number;
  readonly 'distinct-3': number;
  /** Of four words in a row. */
  readonly 'repeat-rate': number;
  /** Absent for a single text. */
  readonly 'self-bleu'?: number;
}

/**
 * Every figure of this file for a set of texts.
 *
 * @param texts - words separated by white space
 */
export function degeneration(texts: readonly string[]): Degeneration {
  return {
    'distinct-1': distinct(texts, 1),
    'distinct-2': distinct(texts, 2),
    'distinct-3': distinct(texts, 3),
    'repeat-rate': repeatRate(texts),
    ...(texts.length > 1 && { 'self-bleu': selfBleu(texts) }),
  };
}

/**
 * Self-BLEU: the mean BLEU of each text with all others as its references, in percent; high means that the texts are
 * alike.
 *
 * @param texts - at least two
 * @throws ConfigError when there are fewer
 */
export function selfBleu(texts: readonly string[], options: BleuOptions = {}): number {
  if (texts.length < 2) {
    throw new ConfigError({ where: 'selfBleu', expected: 'at least two texts', got: String(texts.length) });
  }
  const scores = texts.map(
    (text, i) => bleu([text], [texts.toSpliced(i, 1)], { effectiveOrder: true, ...options }).score,
  );
  return scores.reduce((sum, score) => sum + score, 0) / scores.length;
}
