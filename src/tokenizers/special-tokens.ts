/** The special tokens: four, and a mask where there is one. Text can never give one: their ids lie outside the pieces that text is looked up in. */
import { ConfigError } from '../errors.ts';
import { wellFormed } from './normalize.ts';
import type { SpecialTokens } from './types.ts';

/** Ids of the special tokens. */
export const specialIds: SpecialTokens<number> = { pad: 0, unk: 1, bos: 2, eos: 3 };

/** Number of special tokens before the pieces: the id of the first ordinary piece. */
export const numSpecialTokens = 4;

const defaultTexts: SpecialTokens<string> = { pad: '<pad>', unk: '<unk>', bos: '<s>', eos: '</s>' };

/** The usual text of a hidden token. */
export const maskText = '[MASK]';

/** The texts before the pieces, in the order of their ids. */
export function firstTexts(tokens: SpecialTokens<string>): string[] {
  return [tokens.pad, tokens.unk, tokens.bos, tokens.eos];
}

/** The texts after the pieces. */
export function lastTexts({ mask }: SpecialTokens<string>): string[] {
  return mask === undefined ? [] : [mask];
}

/** All texts. */
export function specialTexts(tokens: SpecialTokens<string>): string[] {
  return [...firstTexts(tokens), ...lastTexts(tokens)];
}

/** What is wrong with the texts of special tokens; undefined when nothing is. */
export function specialTokensProblem(tokens: SpecialTokens<string>): string | undefined {
  const texts = specialTexts(tokens);
  const count = texts.length === 4 ? 'four' : 'five';
  // A single character would take the place of that character of the text.
  if (texts.some((text) => typeof text !== 'string' || [...text].length < 2)) {
    return `${count} texts of at least two characters`;
  }
  if (texts.some((text) => wellFormed(text) !== text)) return 'texts without lone surrogates';
  return new Set(texts).size === texts.length ? undefined : `${count} different texts`;
}

/**
 * The texts to use, defaults filled in.
 *
 * @throws ConfigError when two are equal or one is shorter than two characters
 */
export function resolveSpecialTokens(given: Partial<SpecialTokens<string>> = {}): SpecialTokens<string> {
  const tokens = { ...defaultTexts, ...given };
  const problem = specialTokensProblem(tokens);
  if (problem) {
    throw new ConfigError({
      where: 'specialTokens',
      expected: problem,
      got: JSON.stringify(tokens),
      hint: 'give pad, unk, bos and eos a text of their own',
    });
  }
  return tokens;
}
