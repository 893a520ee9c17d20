import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesToText, byteToChar, pieceBytes, toByteChars } from './byte-alphabet.ts';

describe('the byte alphabet (B6)', () => {
  it('is the one of GPT-2', () => {
    expect(new Set(byteToChar).size).toBe(256);
    // From the published vocabulary: space, new line, tab, DEL, NUL, soft hyphen, no-break space.
    const known = [0x20, 0x0a, 0x09, 0x7f, 0x00, 0xad, 0xa0].map((byte) => byteToChar[byte]);
    expect(known).toEqual(['Ġ', 'Ċ', 'ĉ', 'ġ', 'Ā', 'Ń', 'ł']);
    expect(toByteChars(' café')).toBe('ĠcafÃ©');
  });

  it('brings any text back, a byte order mark included', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const marked = `\ufeff${text}`;
        expect(bytesToText(pieceBytes(toByteChars(marked))!)).toBe(marked);
      }),
    );
    expect(pieceBytes('a b')).toBeUndefined();
  });
});
