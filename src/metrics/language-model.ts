/**
 * Perplexity and its relatives, from the summed negative log-likelihood of a text. Perplexities compare only under one
 * tokenizer; bits per byte compare under any.
 *
 * Papers: Jelinek et al., Perplexity: a measure of the difficulty of speech recognition tasks, 1977; Shannon,
 * Prediction and Entropy of Printed English, 1951.
 */
import { ConfigError } from '../errors.ts';

/** The text behind a summed negative log-likelihood. */
export interface TextSize {
  /** Predicted tokens. */
  readonly tokens: number;
  /** Code points of the text. */
  readonly characters?: number;
  /** Bytes of the text in UTF-8. */
  readonly bytes?: number;
}

/** What a language model scored on a text. */
export interface LanguageModelResult {
  /** Mean negative log-likelihood of a token, in nats. */
  readonly meanNll: number;
  /** `exp(meanNll)`. */
  readonly perplexity: number;
  readonly bitsPerToken: number;
  /** Present when the number of characters was given. */
  readonly bitsPerCharacter?: number;
  /** Present when the number of bytes was given. */
  readonly bitsPerByte?: number;
}

/**
 * Perplexity `exp(nll / tokens)`: how many equally likely tokens the model hesitates between.
 *
 * @param nll - summed negative log-likelihood, in nats
 * @param tokens - predicted tokens
 * @throws ConfigError when `tokens` is not positive or `nll` is not a number
 * @example
 * perplexity(10 * Math.log(50257), 10); // 50257: a uniform model
 */
export function perplexity(nll: number, tokens: number): number {
  return Math.exp(perUnit('perplexity', nll, tokens));
}

/**
 * Bits per unit `nll / (units · ln 2)`, the unit being a token, a character or a byte.
 *
 * @param nll - summed negative log-likelihood, in nats
 * @param units - units of the text
 * @throws ConfigError when `units` is not positive or `nll` is not a number
 * @example
 * bitsPerUnit(8 * Math.LN2, 8); // 1
 */
export function bitsPerUnit(nll: number, units: number): number {
  return perUnit('bitsPerUnit', nll, units) / Math.LN2;
}

/**
 * Every figure that the given sizes allow.
 *
 * @param nll - summed negative log-likelihood, in nats
 * @param size - of the same text
 * @throws ConfigError when a size is not positive or `nll` is not a number
 * @example
 * languageModelScores(12.5, { tokens: 5, bytes: 16 }).bitsPerByte; // 1.127
 */
export function languageModelScores(nll: number, size: TextSize): LanguageModelResult {
  const { tokens, characters, bytes } = size;
  return {
    meanNll: perUnit('languageModelScores', nll, tokens),
    perplexity: perplexity(nll, tokens),
    bitsPerToken: bitsPerUnit(nll, tokens),
    ...(characters === undefined ? {} : { bitsPerCharacter: bitsPerUnit(nll, characters) }),
    ...(bytes === undefined ? {} : { bitsPerByte: bitsPerUnit(nll, bytes) }),
  };
}

function perUnit(where: string, nll: number, units: number): number {
  if (!(units > 0)) throw new ConfigError({ where, expected: 'more than 0 units', got: `${units}` });
  if (Number.isNaN(nll)) throw new ConfigError({ where, expected: 'a summed nll in nats', got: 'NaN' });
  return nll / units;
}
