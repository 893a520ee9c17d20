import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyText } from '../../tests/support/any-text.ts';
import { splitWords, wordSplits } from './pre-tokenize.ts';

const texts = (text: string, name: Parameters<typeof splitWords>[1]) =>
  splitWords(text, name).map((word) => word.text);

describe('splitWords', () => {
  it('splits as described', () => {
    expect(texts(' a  b,c\u0085d\ufeffe ', 'whitespace')).toEqual(['a', 'b,c', 'd\ufeffe']);
    expect(texts("it's snake_case... नमस्ते", 'punctuation')).toEqual([
      'it',
      "'",
      's',
      'snake_case',
      '...',
      'नमस्ते',
    ]);
    expect(texts("it's  a 3.14\n\nend ", 'byteLevel')).toEqual([
      'it',
      "'s",
      ' ',
      ' a',
      ' 3',
      '.',
      '14',
      '\n',
      '\n',
      'end',
      ' ',
    ]);
  });

  it('names the place of every word, and the byte level loses nothing', () => {
    fc.assert(
      fc.property(anyText, fc.constantFrom(...wordSplits), (text, name) => {
        for (const word of splitWords(text, name)) {
          expect(text.slice(word.start, word.start + word.text.length)).toBe(word.text);
        }
        expect(texts(text, 'byteLevel').join('')).toBe(text);
        expect(texts(text, 'whitespace').join('')).toBe(text.replace(/\p{White_Space}/gu, ''));
        expect(texts(text, 'punctuation').join('')).toBe(text.replace(/\p{White_Space}/gu, ''));
      }),
    );
  });
});
