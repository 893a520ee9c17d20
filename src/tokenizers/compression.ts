/** How well a tokenizer compresses a text, the cost of its vocabulary included, and what it loses of it. */
import { utf8Bytes } from './byte-alphabet.ts';
import type { TokenCodec } from './types.ts';

/** How many tokens a text becomes. */
export interface CompressionReport {
  /** Code points of the text. */
  readonly characters: number;
  readonly bytes: number;
  readonly lines: number;
  readonly tokens: number;
  readonly charsPerToken: number;
  /** What stands between spaces. */
  readonly words: number;
  /** How many tokens a word becomes on average, also called fertility; NaN without words. */
  readonly tokensPerWord: number;
  /** Code points that have become unknown tokens. */
  readonly unknownCharacters: number;
  /** Lines that decoding brings back as they were. */
  readonly restoredLines: number;
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
  const seen = {
    ...{ characters: 0, words: 0, bytes: 0, lines: 0 },
    ...{ tokens: 0, unknownCharacters: 0, restoredLines: 0 },
  };
  const { unk } = tokenizer.specialTokens;
  for (const line of lines) {
    const { ids, offsets } = tokenizer.encodeWithOffsets(line);
    seen.lines++;
    seen.bytes += utf8Bytes(line).length;
    seen.characters += codePoints(line);
    seen.words += line.match(/\S+/gu)?.length ?? 0;
    seen.tokens += ids.length;
    if (tokenizer.decode(ids) === line) seen.restoredLines++;
    ids.forEach((id, i) => {
      counts.set(id, (counts.get(id) ?? 0) + 1);
      if (id === unk) seen.unknownCharacters += codePoints(line.slice(...offsets[i]!));
    });
  }
  let textBits = 0;
  for (const count of counts.values()) textBits -= count * Math.log2(count / seen.tokens);
  let vocabularyBits = 0;
  for (let id = 0; id < tokenizer.vocabSize; id++) {
    vocabularyBits += 8 * (utf8Bytes(tokenizer.token(id)).length + 1);
  }
  const totalBits = textBits + vocabularyBits;
  return {
    ...seen,
    charsPerToken: seen.characters / seen.tokens,
    tokensPerWord: seen.tokens / seen.words,
    textBits,
    vocabularyBits,
    totalBits,
    bitsPerByte: totalBits / seen.bytes,
  };
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
