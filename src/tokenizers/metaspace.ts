/**
 * The SentencePiece way: a space is a symbol like any other, ▁, and one more stands before the text, so that the
 * pieces side by side are the text and nothing else is needed to bring it back.
 *
 * Paper: Kudo and Richardson, SentencePiece: A simple and language independent subword tokenizer and detokenizer
 * for Neural Text Processing, EMNLP 2018 (arXiv 1808.06226).
 */
import { isSpecial } from './base.ts';
import { bytesToText, utf8Bytes } from './byte-alphabet.ts';
import { matchWords, type Word } from './pre-tokenize.ts';
import { type SavedFields, show } from './saved-fields.ts';
import { numSpecialTokens, specialIds } from './special-tokens.ts';

/** U+2581, which stands for a space. */
export const SPACE_MARK = '▁';

// A lone surrogate, which no well-formed text holds: where the text itself says ▁, so that it is not read as a space.
const WRITTEN_MARK = '\ud800';

/**
 * The words of a text, each with the mark of the space before it; the first one has a mark that the text has not,
 * so it starts at −1.
 *
 * @example
 * splitMetaspace('a  b').map((word) => word.text); // ['▁a', '▁', '▁b']
 */
export function splitMetaspace(text: string): Word[] {
  if (text === '') return [];
  const marked = SPACE_MARK + text.replaceAll(SPACE_MARK, WRITTEN_MARK).replaceAll(' ', SPACE_MARK);
  return matchWords(marked, /▁[^▁]*/gu).map(({ text: word, start }) => ({ text: word, start: start - 1 }));
}

/** The words of a text as trainers see them: a ▁ that was written cuts a word, so no piece can have it. */
export function trainingWords(text: string): string[] {
  return splitMetaspace(text).flatMap((word) => word.text.split(/\ud800/u).filter((part) => part !== ''));
}

/** The piece of a byte, `<0x0A>`. */
export function bytePiece(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}

/** The pieces of all bytes. */
export const bytePieces: readonly string[] = Array.from({ length: 256 }, (_, byte) => bytePiece(byte));

/** The ids of a symbol that is not a piece. */
export function unknownIds(symbol: string, byteFallback: boolean): number[] {
  if (!byteFallback) return [specialIds.unk];
  return Array.from(
    utf8Bytes(symbol === WRITTEN_MARK ? SPACE_MARK : symbol),
    (byte) => byte + numSpecialTokens,
  );
}

/** The byte of an id where the ordinary pieces begin with the 256 bytes. */
export function byteOfId(byteFallback: boolean): (id: number) => number | undefined {
  const end = numSpecialTokens + bytePieces.length;
  return (id) => (byteFallback && id >= numSpecialTokens && id < end ? id - numSpecialTokens : undefined);
}

/**
 * The text of ids: pieces side by side, ▁ as a space, runs of bytes as UTF-8; without the mark before the text.
 *
 * @param byteOf - the byte that an id stands for, undefined for all others
 */
export function joinMetaspace(
  ids: readonly number[],
  token: (id: number) => string,
  byteOf: (id: number) => number | undefined,
): string {
  let text = '';
  let bytes: number[] = [];
  let isFirst = true;
  for (const id of ids) {
    const byte = byteOf(id);
    if (byte !== undefined) {
      bytes.push(byte);
      continue;
    }
    text += bytesToText(bytes);
    bytes = [];
    if (isSpecial(id)) {
      text += token(id);
      continue;
    }
    const piece = token(id).replaceAll(SPACE_MARK, ' ');
    text += isFirst && piece.startsWith(' ') ? piece.slice(1) : piece;
    isFirst = false;
  }
  return text + bytesToText(bytes);
}

/** Whether a saved vocabulary has the bytes, and has them where they belong. */
export function readByteFallback(
  fields: SavedFields,
  pieces: readonly string[],
): { readonly byteFallback?: true } {
  if (!fields.flag('byteFallback')) return {};
  const wrong = bytePieces.findIndex((piece, byte) => pieces[byte] !== piece);
  if (wrong >= 0) fields.fail(`${bytePieces[wrong]} as id ${wrong + numSpecialTokens}`, show(pieces[wrong]));
  return { byteFallback: true };
}
