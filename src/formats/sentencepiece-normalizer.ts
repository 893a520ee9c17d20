/** Text as a SentencePiece model sees it: rewritten, spaces as ▁, and where each part came from. */
import { utf8Bytes } from '../tokenizers/byte-alphabet.ts';
import { SPACE_MARK } from '../tokenizers/metaspace.ts';
import { type AlignedText, wellFormed } from '../tokenizers/normalize.ts';
import { Trie } from '../tokenizers/trie.ts';
import type { SentencePieceFile } from './sentencepiece-file.ts';

/** A part of the text and what it becomes. */
interface Rewriting {
  readonly text: string;
  /** UTF-16 units of the text that it takes. */
  readonly length: number;
}

/** The normaliser of one model. */
export class SentencePieceNormalizer {
  private readonly file: SentencePieceFile;
  /** Pieces of the user's own, which are never rewritten. */
  private readonly kept: Trie;

  constructor(file: SentencePieceFile) {
    this.file = file;
    const own = file.pieces.filter(({ type }) => type === 'userDefined');
    this.kept = new Trie(own.map(({ text }, i) => [text, i]));
  }

  /** Kudo and Richardson 2018, section 3.2: the longest rewriting at each place, then spaces. */
  normalize(input: string): AlignedText {
    const text = wellFormed(input);
    const { addDummyPrefix, removeExtraSpaces, spaceAsSuffix } = this.file;
    const out = new AlignedWriter();
    const rewritings = this.rewritings(text);
    const mark = this.file.escapeSpaces ? SPACE_MARK : ' ';
    let afterSpace = removeExtraSpaces;
    let hasBegun = false;
    for (const { text: rewritten, start, end } of rewritings) {
      let part = rewritten;
      if (!hasBegun) {
        if (removeExtraSpaces && part === ' ') continue;
        hasBegun = true;
        if (addDummyPrefix && !spaceAsSuffix) out.add(mark, start, start);
      }
      while (afterSpace && part.startsWith(' ')) part = part.slice(1);
      if (part !== '') {
        out.add(part.replaceAll(' ', mark), start, end);
        afterSpace = removeExtraSpaces && part.endsWith(' ');
      }
    }
    if (removeExtraSpaces) out.dropEnd(mark);
    if (hasBegun && addDummyPrefix && spaceAsSuffix) out.add(mark, text.length, text.length);
    return out.aligned();
  }

  private *rewritings(text: string): Generator<{ text: string; start: number; end: number }> {
    const bytes = this.file.charsmap ? utf8Bytes(text) : undefined;
    let byte = 0;
    for (let at = 0; at < text.length; ) {
      const { text: part, length } = this.rewriting(text, at, bytes, byte);
      yield { text: part, start: at, end: at + length };
      if (bytes) byte += utf8Bytes(text.slice(at, at + length)).length;
      at += length;
    }
  }

  private rewriting(text: string, at: number, bytes: Uint8Array | undefined, byte: number): Rewriting {
    const own = this.kept.longestAt(text, at);
    if (own) return { text: text.slice(at, own.end), length: own.end - at };
    if (bytes) {
      let longest: { readonly length: number; readonly text: string } | undefined;
      for (const match of this.file.charsmap!.matches(bytes, byte)) longest = match;
      if (longest) return { text: longest.text, length: unitsOf(bytes, byte, longest.length) };
    }
    const length = text.codePointAt(at)! > 0xffff ? 2 : 1;
    return { text: text.slice(at, at + length), length };
  }
}

/** UTF-16 units of some UTF-8 bytes: four bytes make two, continuation bytes none. */
function unitsOf(bytes: Uint8Array, start: number, length: number): number {
  let units = 0;
  for (let i = start; i < start + length; i++) {
    if ((bytes[i]! & 0xc0) !== 0x80) units += bytes[i]! >= 0xf0 ? 2 : 1;
  }
  return units;
}

/** Collects text with the place of each of its units. */
class AlignedWriter {
  private text = '';
  private readonly starts: number[] = [];
  private readonly ends: number[] = [];

  add(part: string, start: number, end: number): void {
    this.text += part;
    for (let i = 0; i < part.length; i++) {
      this.starts.push(start);
      this.ends.push(end);
    }
  }

  dropEnd(mark: string): void {
    while (this.text.endsWith(mark)) {
      this.text = this.text.slice(0, -mark.length);
      this.starts.length = this.ends.length = this.text.length;
    }
  }

  aligned(): AlignedText {
    return {
      text: this.text,
      spans: { starts: Int32Array.from(this.starts), ends: Int32Array.from(this.ends) },
    };
  }
}
