/** A source as data brings it: plain text, or a sentence with its dependency tree. */
import type { SourceStructure } from '../nn/source-structure.ts';
import type { TokenCodec } from '../tokenizers/types.ts';
import type { DependencySentence } from './conllu.ts';

/** Plain text, or a sentence with its tree. */
export type SourceText = string | DependencySentence;

/** Ids of a source, and where its tokens stand in its tree. */
export interface EncodedSource {
  readonly ids: readonly number[];
  readonly structure?: SourceStructure;
}

/** The text of a source; the words of a sentence are joined by spaces. */
export function textOf(source: SourceText): string {
  return typeof source === 'string' ? source : source.words.join(' ');
}

/**
 * Encodes a source. A token stands for the word that its last character is of, so that all pieces of a word share its
 * node of the tree.
 *
 * @example
 * encodeSource(tokenizer, { words: ['ein', 'Hund'], heads: [1, -1], relations: ['det', 'root'] }).structure?.nodes; // [0, 1]
 */
export function encodeSource(
  tokenizer: Pick<TokenCodec, 'encode' | 'encodeWithOffsets'>,
  source: SourceText,
): EncodedSource {
  if (typeof source === 'string') return { ids: tokenizer.encode(source) };
  const { words, heads, relations } = source;
  const { ids, offsets } = tokenizer.encodeWithOffsets(textOf(source));
  const wordOf = words.flatMap((word, i) => new Array<number>(word.length + 1).fill(i)); // with the space behind it
  const nodes = offsets.map(([start, end]) => wordOf[Math.max(start, end - 1)]!);
  return { ids, structure: { nodes, heads, relations } };
}
