/** How well a tokenizer compresses a text, the cost of its vocabulary included. */
import { utf8Bytes } from './byte-alphabet.ts';
import type { TokenCodec } from './types.ts';

/** How many tokens a text becomes. */
export interface CompressionReport {
  /** Code points of the text. */
  readonly characters: number;
  readonly bytes: number;
  readonly tokens: number;
  readonly charsPerToken: number;
  /** −Σ log₂ p(token), p the share of the token in this text. */
  readonly textBits: number;
  /** 8 bits for each UTF-8 byte of each token of the vocabulary, and 8 to end it. */
  readonly vocabularyBits: number;
  /** textBits + vocabularyBits. */
  readonly totalBits: number;
  /** totalBits / bytes; below 8 the text has become smaller. */
  readonly bitsPerByte: number;
}

/**
 * Measures a tokenizer on lines of text, two-part code: the vocabulary first, then the tokens at their entropy.
 *
 * @example
 * compressionReport(tokenizer, readLines('valid.en')).charsPerToken; // 4.2
 *
 * Paper: Gage, A New Algorithm for Data Compression, The C Users Journal, 1994.
 */
export function compressionReport(tokenizer: TokenCodec, lines: Iterable<string>): CompressionReport {
  const counts = new Map<number, number>();
  let characters = 0;
  let bytes = 0;
  let tokens = 0;
  for (const line of lines) {
    bytes += utf8Bytes(line).length;
    for (const _ of line) characters++;
    for (const id of tokenizer.encode(line)) {
      counts.set(id, (counts.get(id) ?? 0) + 1);
      tokens++;
    }
  }
  let textBits = 0;
  for (const count of counts.values()) textBits -= count * Math.log2(count / tokens);
  let vocabularyBits = 0;
  for (let id = 0; id < tokenizer.vocabSize; id++) {
    vocabularyBits += 8 * (utf8Bytes(tokenizer.token(id)).length + 1);
  }
  const totalBits = textBits + vocabularyBits;
  return {
    characters,
    bytes,
    tokens,
    charsPerToken: characters / tokens,
    textBits,
    vocabularyBits,
    totalBits,
    bitsPerByte: totalBits / bytes,
  };
}
