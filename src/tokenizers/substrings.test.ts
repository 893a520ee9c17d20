import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { repeatedSubstrings } from './substrings.ts';

/** The definition: every substring of every word, how often it stands there, and what follows it. */
function slowly(words: readonly string[], minLength: number, maxLength: number): [string, number][] {
  const followers = new Map<string, (string | undefined)[]>();
  for (const word of words) {
    const chars = [...word];
    for (let start = 0; start < chars.length; start++) {
      for (let end = start + minLength; end <= Math.min(chars.length, start + maxLength); end++) {
        const text = chars.slice(start, end).join('');
        followers.set(text, [...(followers.get(text) ?? []), chars[end]]);
      }
    }
  }
  return [...followers]
    .filter(([, next]) => new Set(next).size > 1)
    .map(([text, next]): [string, number] => [text, next.length])
    .sort();
}

describe('repeatedSubstrings', () => {
  it('finds what counting every substring finds', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '😀'), maxLength: 12 });
    const lengths = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 3, max: 20 }));
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), lengths, (words, [minLength, maxLength]) => {
        const found = [...repeatedSubstrings(words, minLength, maxLength)];
        expect(found.map(({ text, count }): [string, number] => [text, count]).sort()).toEqual(
          slowly(words, minLength, maxLength),
        );
      }),
    );
  });

  it('leaves out what is always followed by the same character', () => {
    expect([...repeatedSubstrings(['banana'], 1, 9)]).toEqual([
      { text: 'ana', count: 2 },
      { text: 'a', count: 3 },
      { text: 'na', count: 2 },
    ]);
  });
});
