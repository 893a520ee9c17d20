/** Reads the wire format of protocol buffers, as far as SentencePiece models use it. */
import { FormatError } from '../errors.ts';

/** A field of a message: its number and its value. */
export interface Field {
  readonly number: number;
  /** Where its value begins in the file. */
  readonly offset: number;
  /** Of a variable-length or 64-bit field; whole numbers above 2⁵³ lose bits. */
  readonly integer: number;
  /** Of a length-delimited or a 32-bit field. */
  readonly bytes: Uint8Array;
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const empty = new Uint8Array(0);

/** Walks through the fields of one message. */
export class ProtobufReader {
  private readonly bytes: Uint8Array;
  private readonly file: string;
  private readonly base: number;
  private at = 0;

  /** @param base - where the message begins in the file, for errors */
  constructor(bytes: Uint8Array, file: string, base = 0) {
    this.bytes = bytes;
    this.file = file;
    this.base = base;
  }

  /** @throws FormatError when the bytes are no message */
  *fields(): Generator<Field> {
    while (this.at < this.bytes.length) {
      const tag = this.varint();
      const number = Math.floor(tag / 8);
      if (number === 0) this.fail('a field number above 0', '0');
      yield this.value(number, tag % 8);
    }
  }

  private value(number: number, wireType: number): Field {
    const offset = this.base + this.at;
    switch (wireType) {
      case 0:
        return { number, offset, integer: this.varint(), bytes: empty };
      case 1:
        return { number, offset, integer: 0, bytes: this.take(8) };
      case 2: {
        const length = this.varint();
        const start = this.base + this.at;
        return { number, offset: start, integer: 0, bytes: this.take(length) };
      }
      case 5:
        return { number, offset, integer: 0, bytes: this.take(4) };
    }
    return this.fail('wire type 0, 1, 2 or 5', String(wireType));
  }

  private varint(): number {
    let value = 0;
    let factor = 1;
    for (let length = 0; length < 10; length++) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) return this.fail('a whole number', 'the end of the file');
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
    return this.fail('a number of at most 10 bytes', 'more');
  }

  private take(length: number): Uint8Array {
    const end = this.at + length;
    if (end > this.bytes.length) {
      return this.fail(`${length} bytes`, `${this.bytes.length - this.at} before the end`);
    }
    const taken = this.bytes.subarray(this.at, end);
    this.at = end;
    return taken;
  }

  private fail(expected: string, got: string): never {
    const offset = this.base + this.at;
    throw new FormatError({
      where: this.file,
      file: this.file,
      offset,
      expected: `${expected} at byte ${offset}`,
      got,
    });
  }
}

/** The text of a field. */
export function textOf({ bytes, offset }: Field, file: string): string {
  try {
    return strict.decode(bytes);
  } catch (cause) {
    const expected = `UTF-8 at byte ${offset}`;
    throw new FormatError({ where: file, file, offset, expected, got: 'other bytes', cause });
  }
}

/** The number of a 32-bit floating point field. */
export function floatOf({ bytes, offset }: Field, file: string): number {
  if (bytes.length === 4) return new DataView(bytes.buffer, bytes.byteOffset).getFloat32(0, true);
  const expected = `a 32-bit number at byte ${offset}`;
  throw new FormatError({ where: file, file, offset, expected, got: `${bytes.length} bytes` });
}
