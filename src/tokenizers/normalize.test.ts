import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyText } from '../../tests/support/any-text.ts';
import { normalizeAligned, normalizerNames, normalizeText, originalSpan } from './normalize.ts';

/** Pieces of the original that each character of the normalised text came from. */
function sources(text: string, ...names: Parameters<typeof normalizeText>[1]): string[] {
  const aligned = normalizeAligned(text, names);
  let at = 0;
  return Array.from(aligned.text, (char) => {
    const [start, end] = originalSpan(aligned, at, (at += char.length));
    return text.slice(start, end);
  });
}

describe('normalizeText', () => {
  it('rewrites in the order that is given', () => {
    expect(normalizeText('Ｃafe\u0301 ﬁ', ['nfkc', 'lowercase', 'stripAccents'])).toBe('cafe fi');
    expect(normalizeText('e\u0301', ['nfc'])).toBe('é');
    expect(normalizeText('ΟΔΟΣ İ', ['lowercase'])).toBe('οδοσ i\u0307');
    expect(normalizeText('a\ud800b\udc00', [])).toBe('a\ufffdb\ufffd');
    expect(normalizeText('한글 é', ['stripAccents'])).toBe('한글 e');
  });

  it('agrees with the standard on every text', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const formed = normalizeText(text, []);
        expect(normalizeText(text, ['nfc'])).toBe(formed.normalize('NFC'));
        expect(normalizeAligned(text, ['nfkc']).text).toBe(formed.normalize('NFKC'));
      }),
    );
  });
});

describe('normalizeAligned', () => {
  it('knows where each character came from', () => {
    expect(sources('xe\u0301y', 'nfc')).toEqual(['x', 'e\u0301', 'y']);
    expect(sources('ﬁ', 'nfkc')).toEqual(['ﬁ', 'ﬁ']);
    expect(sources('Aİ', 'lowercase')).toEqual(['A', 'İ', 'İ']);
    expect(sources('ᄒ\u1161\u11abx', 'nfc')).toEqual(['ᄒ\u1161\u11ab', 'x']);
    expect(sources('ｶﾞ𝒳', 'nfkc')).toEqual(['ｶﾞ', '𝒳']);
    expect(sources('É𝒳e\u0301', 'nfkc', 'lowercase', 'stripAccents')).toEqual(['É', '𝒳', 'e\u0301']);
    // Ring and cedilla: the ring composes with the letter, the cedilla stays.
    expect(sources('A\u030a\u0327', 'nfc')).toEqual(['A\u030a', '\u0327']);
  });

  it('gives the text of normalizeText, and spans that never run backwards', () => {
    fc.assert(
      fc.property(anyText, fc.subarray(normalizerNames), (text, names) => {
        const aligned = normalizeAligned(text, names);
        expect(aligned.text).toBe(normalizeText(text, names));
        let before = 0;
        for (let i = 0; i < aligned.text.length; i++) {
          const [start, end] = originalSpan(aligned, i, i + 1);
          expect(start).toBeGreaterThanOrEqual(before);
          expect(end).toBeGreaterThanOrEqual(start);
          expect(end).toBeLessThanOrEqual(text.length);
          before = start;
        }
      }),
    );
  });
});
