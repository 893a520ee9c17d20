/**
 * SentencePiece's table of rewritings: a double-array trie of UTF-8 strings and, for each, the text it becomes.
 *
 * Layout: the size of the trie in bytes (uint32, little endian), the trie, the texts with a zero byte after each.
 *
 * Paper of the trie: Aoe, An Efficient Digital Search Algorithm by Using a Double-Array Structure, IEEE Transactions
 * on Software Engineering 15(9), 1989.
 */
import { FormatError } from '../errors.ts';

/** A match: how many bytes of the text, and what they become. */
export interface CharsmapMatch {
  readonly length: number;
  readonly text: string;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The table, ready to be looked up. */
export class Charsmap {
  private readonly units: Uint32Array;
  private readonly texts: Uint8Array;

  /** @throws FormatError when the sizes contradict each other */
  constructor(bytes: Uint8Array, file: string) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const size = bytes.length >= 4 ? view.getUint32(0, true) : 0;
    if (size === 0 || size % 4 !== 0 || size + 4 > bytes.length) {
      const got = `${bytes.length} bytes with a trie of ${size}`;
      throw new FormatError({ where: file, file, expected: 'a whole table of rewritings', got });
    }
    this.units = Uint32Array.from({ length: size / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
    this.texts = bytes.subarray(4 + size);
  }

  /** The strings of the table that begin at a place of some UTF-8 bytes, the shortest first. */
  *matches(bytes: Uint8Array, start: number): Generator<CharsmapMatch> {
    let node = offsetOf(this.units[0]!);
    for (let at = start; at < bytes.length && bytes[at] !== 0; at++) {
      node ^= bytes[at]!;
      const unit = this.units[node];
      // A unit is of this byte when its label, the low byte with the sign bit, says so.
      if (unit === undefined || (unit & 0x800000ff) !== bytes[at]) return;
      node ^= offsetOf(unit);
      const value = this.units[node];
      if ((unit >>> 8) & 1 && value !== undefined) {
        yield { length: at + 1 - start, text: this.textAt(value & 0x7fffffff) };
      }
    }
  }

  private textAt(start: number): string {
    const end = this.texts.indexOf(0, start);
    return decoder.decode(this.texts.subarray(start, end < 0 ? this.texts.length : end));
  }
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & (1 << 9)) >>> 6);
}
