import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HeedError, ShapeError } from '../errors.ts';
import { sumRows } from './corpus.ts';
import { errorRate, errorRateStatistics, exactMatch } from './error-rates.ts';

/** Edit distance by its definition: the cheapest of the three last edits, tried one after the other. */
function slowEdits(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return a.length + b.length;
  const [headA, ...restA] = a;
  const [headB, ...restB] = b;
  if (headA === headB) return slowEdits(restA, restB);
  return 1 + Math.min(slowEdits(restA, b), slowEdits(a, restB), slowEdits(restA, restB));
}

const words = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 5 });

describe('error rates', () => {
  test('all edits over all reference units, not the mean of the rates', () => {
    // 1 edit of 4 and 1 edit of 1
    const result = errorRate('word', ['the cat sat', 'x'], [['the cat sat down'], ['y']]);
    expect(result).toMatchObject({ score: 40, edits: 2, referenceUnits: 5 });
    expect(result.items).toEqual([
      { edits: 1, referenceUnits: 4 },
      { edits: 1, referenceUnits: 1 },
    ]);
  });
  test('kitten and sitting differ by 3 of 7 characters', () => {
    expect(errorRate('character', ['kitten'], [['sitting']]).score).toBeCloseTo(300 / 7, 12);
  });
  test('characters are code points, spaces among them', () => {
    expect(errorRate('character', ['👍👍 a'], [['👍👎 a']])).toMatchObject({ edits: 1, referenceUnits: 4 });
    expect(errorRate('character', ['ab'], [['a b']]).edits).toBe(1);
  });
  test('phonemes are separated by white space', () => {
    expect(errorRate('phoneme', ['K AE1  T'], [['K AH0 T S']])).toMatchObject({ edits: 2, score: 50 });
  });
  test('may pass 100 percent', () => {
    expect(errorRate('word', ['a b c'], [['x']]).score).toBe(300);
  });
  test('the reference with the fewest edits counts, on a tie the shortest', () => {
    const tie = errorRate('word', ['a b'], [['a b c', 'a']]);
    expect(tie).toMatchObject({ edits: 1, referenceUnits: 1 });
    expect(errorRate('word', ['a b'], [['a', 'a b c']])).toMatchObject({ edits: 1, referenceUnits: 1 });
    expect(errorRate('word', ['a b'], [['a', 'a b c', 'a b']])).toMatchObject({
      edits: 0,
      referenceUnits: 2,
    });
  });
  test('case', () => {
    expect(errorRate('word', ['The'], [['the']]).score).toBe(100);
    const folded = errorRate('word', ['The'], [['the']], { lowercase: true });
    expect(folded).toMatchObject({ score: 0, signature: 'nrefs:1|case:lc|unit:word|version:heed-1' });
  });
  test('an empty reference among others only adds its insertions; none but empty ones have no rate', () => {
    expect(errorRate('word', ['a', 'b'], [[''], ['b']])).toMatchObject({ edits: 1, referenceUnits: 1 });
    expect(() => errorRate('word', ['a'], [['']])).toThrow(HeedError);
    expect(() => errorRate('phoneme', [''], [[' ']])).toThrow('per: expected at least one phoneme');
  });
  test('equals the definition of edit distance', () => {
    fc.assert(
      fc.property(words, fc.array(words, { minLength: 1, maxLength: 3 }), (hypothesis, references) => {
        const { rows } = errorRateStatistics(
          'word',
          [hypothesis.join(' ')],
          [references.map((r) => r.join(' '))],
        );
        const edits = references.map((reference) => slowEdits(hypothesis, reference));
        const least = Math.min(...edits);
        const lengths = references.filter((_, i) => edits[i] === least).map((r) => r.length);
        expect(sumRows(rows)).toEqual([least, Math.min(...lengths)]);
      }),
    );
  });
  test('input that does not pair up', () => {
    expect(() => errorRate('word', ['a'], [])).toThrow(ShapeError);
  });
});

describe('exact match', () => {
  test('any reference will do; white space is folded', () => {
    const result = exactMatch(['T  AH0 ', 'K AE1', 'x'], [['T UW1', 'T AH0'], ['K AE1 T'], ['X']]);
    expect(result).toMatchObject({
      matches: 1,
      items: 3,
      signature: 'nrefs:var|case:mixed|unit:item|version:heed-1',
    });
    expect(result.score).toBeCloseTo(100 / 3, 12);
    expect(result.errorRate).toBeCloseTo(200 / 3, 12);
  });
  test('case', () => {
    expect(exactMatch(['x'], [['X']], { lowercase: true }).score).toBe(100);
  });
});
