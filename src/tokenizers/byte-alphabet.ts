/**
 * GPT-2's byte alphabet: every byte stands for one visible character, so that byte sequences can be pieces.
 *
 * Printable bytes of Latin-1 keep their character; the 68 others take U+0100 … U+0143 in order.
 *
 * Paper: Radford et al., Language Models are Unsupervised Multitask Learners, 2019.
 */

function buildAlphabet(): string[] {
  const isPrintable = (byte: number) => (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++));
}

/** Character of each byte 0 … 255. */
export const byteToChar: readonly string[] = buildAlphabet();

const charToByte = new Map(byteToChar.map((char, byte) => [char, byte]));

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The UTF-8 bytes of a text, one character of the alphabet each. */
export function toByteChars(text: string): string {
  let out = '';
  for (const byte of encoder.encode(text)) out += byteToChar[byte];
  return out;
}

/** The bytes of a piece; undefined when one of its characters is not of the alphabet. */
export function pieceBytes(piece: string): number[] | undefined {
  const bytes: number[] = [];
  for (const char of piece) {
    const byte = charToByte.get(char);
    if (byte === undefined) return undefined;
    bytes.push(byte);
  }
  return bytes;
}

/** UTF-8 bytes of a plain text. */
export function utf8Bytes(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Bytes as text; what is not UTF-8 becomes U+FFFD. */
export function bytesToText(bytes: readonly number[]): string {
  return decoder.decode(Uint8Array.from(bytes));
}
