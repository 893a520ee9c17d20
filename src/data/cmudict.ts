/** Spelling → pronunciation pairs from the CMU Pronouncing Dictionary. */
import { type Example, makeExample } from './examples.ts';

/** The dictionary as an object, as the npm package cmu-pronouncing-dictionary exports it. */
export interface CmudictConfig {
  readonly format: 'cmudict';
  /** Word, or word and variant as `read(2)` → phonemes with stress digits, `R EH1 D`. */
  readonly dictionary: Readonly<Record<string, string>>;
}

/**
 * One example for each word: the spelling and its pronunciations, in the dictionary's order.
 *
 * The rules: words are lower-cased; `read(2)` is a further pronunciation of `read`; stress digits and comments
 * (`AA1 L T OW2 # name, finnish`) are dropped, and pronunciations that become equal are given once; kept are
 * the words of letters a–z and apostrophes with at least one letter.
 *
 * @example
 * readCmudict({ format: 'cmudict', dictionary: { read: 'R EH1 D', 'read(2)': 'R IY1 D' } });
 * // [{ source: 'read', target: 'R EH D', references: ['R EH D', 'R IY D'] }]
 */
export function readCmudict({ dictionary }: CmudictConfig): Example[] {
  const pronunciations = new Map<string, Set<string>>();
  for (const [entry, phonemes] of Object.entries(dictionary)) {
    const word = entry.toLowerCase().replace(/\(\d+\)$/, '');
    if (!/^[a-z']*[a-z][a-z']*$/.test(word)) continue;
    const plain = phonemes.replace(/#.*|\d/g, '').trim();
    const known = pronunciations.get(word);
    if (known) known.add(plain);
    else pronunciations.set(word, new Set([plain]));
  }
  return [...pronunciations].map(([word, known]) => makeExample(word, [...known] as [string]));
}
