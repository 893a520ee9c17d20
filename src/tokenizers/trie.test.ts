import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Trie } from './trie.ts';

/** The values of the pieces that a text begins with, by walking. */
function prefixes(trie: Trie, text: string): number[] {
  const found: number[] = [];
  let node = Trie.root;
  for (const char of text) {
    node = trie.child(node, char.codePointAt(0)!);
    if (node < 0) break;
    if (trie.value(node) >= 0) found.push(trie.value(node));
  }
  return found;
}

describe('Trie', () => {
  it('finds the prefixes of a text among its pieces', () => {
    const piece = fc.string({ unit: fc.constantFrom('a', 'b', '字', '😀', '\u0000'), maxLength: 5 });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), piece, (pieces, text) => {
        const values = new Map(pieces.map((item, value) => [item, value]));
        const chars = [...text];
        const expected = chars.flatMap((_, i) => values.get(chars.slice(0, i + 1).join('')) ?? []);
        const trie = new Trie(values);
        expect(prefixes(trie, text)).toEqual(expected);
        const longest = trie.longestAt(`b${text}`, 1);
        expect(longest?.value).toBe(expected.at(-1));
        if (longest) expect(`b${text}`.slice(1, longest.end)).toBe(pieces[longest.value]);
      }),
    );
  });

  it('grows', () => {
    const pieces = Array.from({ length: 5000 }, (_, i) => String(i));
    const trie = new Trie(pieces.map((piece, value) => [piece, value]));
    for (const [value, piece] of pieces.entries()) expect(prefixes(trie, piece).at(-1)).toBe(value);
    expect(prefixes(trie, '5000')).toEqual([5, 50, 500]);
  });
});
