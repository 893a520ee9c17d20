/** From checked parts to the tokenizer of their kind. */
import type { BaseTokenizer } from './base.ts';
import { ByteLevelBpeTokenizer, EndOfWordBpeTokenizer } from './bpe.ts';
import { CharTokenizer } from './char.ts';
import type { BpeData, CharData, WordData } from './types.ts';
import { WordTokenizer } from './word.ts';

/** The saved form without its vocabulary. */
export type TokenizerParts = Omit<WordData, 'vocab'> | Omit<CharData, 'vocab'> | Omit<BpeData, 'vocab'>;

/** The mark that ends a word unless another one is set. */
export const defaultEndOfWord = '</w>';

/** Makes the tokenizer of a kind; `pieces` are the ordinary ones, in the order of their ids. */
export function createTokenizer(parts: TokenizerParts, pieces: readonly string[]): BaseTokenizer {
  switch (parts.kind) {
    case 'word':
      return new WordTokenizer(parts, pieces);
    case 'char':
      return new CharTokenizer(parts, pieces);
    case 'bpe':
      return parts.preTokenizer === 'byteLevel'
        ? new ByteLevelBpeTokenizer(parts, pieces)
        : new EndOfWordBpeTokenizer({ ...parts, endOfWord: parts.endOfWord ?? defaultEndOfWord }, pieces);
  }
}
