import fc from 'fast-check';
import { expect, it } from 'vitest';
import { editDistance } from '../edit-distance.ts';
import { type DiffToken, diffTokens } from './token-diff.ts';

const marked = (tokens: readonly DiffToken[]) => tokens.filter(({ same }) => !same).map(({ text }) => text);
const kept = (tokens: readonly DiffToken[]) => tokens.filter(({ same }) => same).map(({ text }) => text);

it('marks a substitution on both sides, an insertion and a deletion on one', () => {
  const substituted = diffTokens('AH0 T EH1 N CH AH0 N', ['AH0 T EH1 N SH AH0 N']);
  expect(marked(substituted.hypothesis)).toEqual(['CH']);
  expect(marked(substituted.reference)).toEqual(['SH']);
  const inserted = diffTokens('a b b c', ['a b c']);
  expect(marked(inserted.hypothesis)).toEqual(['b']);
  expect(marked(inserted.reference)).toEqual([]);
  const deleted = diffTokens('a c', ['a b c']);
  expect(marked(deleted.hypothesis)).toEqual([]);
  expect(marked(deleted.reference)).toEqual(['b']);
});

it('compares single words by character, as a reader sees characters', () => {
  const diff = diffTokens('Москва́', ['Москва']);
  expect(diff.separator).toBe('');
  expect(marked(diff.hypothesis)).toEqual(['а́']);
  expect(diff.hypothesis).toHaveLength(6);
});

it('compares with the nearest reference', () => {
  const diff = diffTokens('the cat sat', ['a dog ran', 'the cat sits', 'no']);
  expect(diff.reference.map(({ text }) => text)).toEqual(['the', 'cat', 'sits']);
});

it('takes an empty hypothesis and an absent reference', () => {
  expect(marked(diffTokens('', ['a b']).reference)).toEqual(['a', 'b']);
  expect(marked(diffTokens('a b', []).hypothesis)).toEqual(['a', 'b']);
});

it('keeps the same tokens on both sides and marks as few as the edit distance allows', () => {
  const text = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 2, maxLength: 9 });
  fc.assert(
    fc.property(text, text, (a, b) => {
      const { hypothesis, reference } = diffTokens(a.join(' '), [b.join(' ')]);
      expect(hypothesis.map((token) => token.text)).toEqual(a);
      expect(reference.map((token) => token.text)).toEqual(b);
      expect(kept(hypothesis)).toEqual(kept(reference));
      expect(editsInGaps(hypothesis, reference)).toBe(editDistance(a, b));
    }),
  );
});

/** Edits that the marks stand for: between two kept tokens, the longer of the two marked runs. */
function editsInGaps(a: readonly DiffToken[], b: readonly DiffToken[]): number {
  const runs = (tokens: readonly DiffToken[]) => {
    const lengths = [0];
    for (const { same } of tokens) {
      if (same) lengths.push(0);
      else lengths[lengths.length - 1]!++;
    }
    return lengths;
  };
  const other = runs(b);
  return runs(a).reduce((sum, length, i) => sum + Math.max(length, other[i]!), 0);
}
