/** A source as data brings it: plain text, or a sentence with its dependency tree. */
import type { SourceStructure } from '../nn/source-structure.ts';
import type { TokenCodec } from '../tokenizers/types.ts';
import type { DependencySentence } from './conllu.ts';
import type { SourceTokens } from './length-policy.ts';

/** Plain text, or a sentence with its tree. */
export type SourceText = string | DependencySentence;

/** The text of a source; the words of a sentence are joined by spaces. */
export function textOf(source: SourceText): string {
  return typeof source === 'string' ? source : source.words.join(' ');
}

/**
 * Where the tokens of a source stand in its tree. A token stands for the word that its last character is of, so that all
 * pieces of a word share its node.
 *
 * @returns nothing for plain text
 * @example
 * structureOf(tokenizer, { words: ['ein', 'Hund'], heads: [1, -1], relations: ['det', 'root'] })?.nodes; // [0, 1]
 */
export function structureOf(
  tokenizer: Pick<TokenCodec, 'encodeWithOffsets'>,
  source: SourceText,
): SourceStructure | undefined {
  if (typeof source === 'string') return undefined;
  const { words, heads, relations } = source;
  const { offsets } = tokenizer.encodeWithOffsets(textOf(source));
  const wordOf = words.flatMap((word, i) => new Array<number>(word.length + 1).fill(i)); // with the space behind it
  return { nodes: offsets.map(([start, end]) => wordOf[Math.max(start, end - 1)]!), heads, relations };
}

/**
 * A source as tokens, before it is cut to a length.
 *
 * @param ids - of its text, by this tokenizer; those of words beyond the vocabulary may differ
 */
export function sourceTokens(
  tokenizer: Pick<TokenCodec, 'encodeWithOffsets'>,
  source: SourceText,
  ids: readonly number[],
): SourceTokens {
  const structure = structureOf(tokenizer, source);
  const text = textOf(source);
  const spans = () => ({ text, offsets: tokenizer.encodeWithOffsets(text).offsets });
  return { source: ids, spans, ...(structure && { structure }) };
}
