/** Options that several kinds share, and how a value is checked against an option. */
import { suggest } from '../errors.ts';
import type { Option, Options } from './kind.ts';
import { normalizerNames } from './normalize.ts';
import { numSpecialTokens } from './special-tokens.ts';

/** What every kind has. */
export const commonOptions = {
  normalizers: { type: 'names', names: normalizerNames, about: 'rewritings of the text, in order' },
} as const satisfies Options;

/** Of the kinds that learn merges. */
export const mergeOptions = {
  vocabSize: {
    type: 'count',
    minimum: numSpecialTokens + 1,
    about: 'size of the vocabulary, special tokens included',
  },
  numMerges: { type: 'count', minimum: 0, about: 'number of merges, instead of the size of the vocabulary' },
  minFrequency: { type: 'count', minimum: 1, about: 'what is rarer is not learned' },
  mergesPerStep: { type: 'count', minimum: 1, about: 'pairs that are merged after each count' },
  limitAlphabet: { type: 'count', minimum: 1, about: 'keep only so many of the most frequent characters' },
} as const satisfies Options;

/** Of the kinds that learn whole units. */
export const frequencyOptions = {
  minFrequency: mergeOptions.minFrequency,
  maxVocabSize: mergeOptions.vocabSize,
} as const satisfies Options;

/** The bytes of what is not in the vocabulary. */
export const byteFallbackOption: Option = {
  type: 'flag',
  about: 'characters that are not in the vocabulary become their bytes',
};

/** What is wrong with a value; undefined when nothing is. */
export function optionProblem(option: Option, value: unknown): string | undefined {
  switch (option.type) {
    case 'count':
      if (Number.isSafeInteger(value) && (value as number) >= option.minimum) return undefined;
      return `expected a whole number of at least ${option.minimum}, got ${show(value)}`;
    case 'share':
      if (typeof value === 'number' && value > 0 && value < 1) return undefined;
      return `expected a number between 0 and 1, got ${show(value)}`;
    case 'flag':
      return typeof value === 'boolean' ? undefined : `expected true or false, got ${show(value)}`;
    case 'text':
      if (typeof value === 'string' && /^\P{White_Space}+$/u.test(value)) return undefined;
      return `expected characters without white space, got ${show(value)}`;
    case 'name':
      return option.names.includes(value as string) ? undefined : unknownName(value, option.names);
    case 'names': {
      if (!Array.isArray(value)) return `expected a list of names, got ${show(value)}`;
      const wrong = value.find((name) => !option.names.includes(name as string));
      return wrong === undefined ? undefined : unknownName(wrong, option.names);
    }
  }
}

function unknownName(name: unknown, names: readonly string[]): string {
  return `unknown ${show(name)}, ${suggest(String(name), names)}`;
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? 'nothing';
}
