import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sentenceBleu } from './bleu.ts';
import { distinct, repeatRate, selfBleu } from './degeneration.ts';

/** All n-grams of a text, joined, the slow way. */
function slowNgrams(text: string, n: number): string[] {
  const words = text.split(' ').filter(Boolean);
  return words.flatMap((_, i) => (i + n <= words.length ? [words.slice(i, i + n).join(' ')] : []));
}

const text = fc
  .array(fc.constantFrom('a', 'b', 'c', 'aa'), { maxLength: 12 })
  .map((words) => words.join(' '));

describe('repetition (K8)', () => {
  test('by hand', () => {
    expect(distinct(['a b a b'], 2)).toBeCloseTo(200 / 3, 12);
    expect(distinct(['a b', 'a b'], 1)).toBe(50);
    expect(repeatRate(['a b a b'], 2)).toBeCloseTo(100 / 3, 12);
    expect(repeatRate(['a b', 'a b'], 1)).toBe(0); // only what a text itself had counts
    expect(repeatRate(['go on and go on and go on and go on'], 4)).toBeCloseTo(100 * (1 - 3 / 8), 12);
    expect([distinct([''], 2), repeatRate([], 3)]).toEqual([100, 0]);
  });

  test('equals counting in the open', () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 4 }), fc.integer({ min: 1, max: 4 }), (texts, n) => {
        const all = texts.map((one) => slowNgrams(one, n));
        const total = all.flat().length;
        if (total === 0) return;
        expect(distinct(texts, n)).toBeCloseTo((100 * new Set(all.flat()).size) / total, 10);
        const repeated = all.map((own) => own.filter((ngram, i) => own.indexOf(ngram) < i).length);
        expect(repeatRate(texts, n)).toBeCloseTo((100 * repeated.reduce((a, b) => a + b, 0)) / total, 10);
      }),
    );
  });

  test('self-BLEU is the mean of each against the others: 100 for one text said again', () => {
    const texts = [
      'the cat sat on the mat today',
      'a dog sat on the mat today',
      'nobody knows what it was here',
    ];
    const each = texts.map(
      (one, i) =>
        sentenceBleu(
          one,
          texts.filter((_, j) => j !== i),
        ).score,
    );
    expect(selfBleu(texts)).toBeCloseTo(each.reduce((a, b) => a + b, 0) / 3, 10);
    expect(selfBleu([texts[0]!, texts[0]!])).toBeCloseTo(100, 10);
    expect(selfBleu(texts)).toBeLessThan(60);
  });

  test('refuses what has no answer', () => {
    expect(() => distinct(['a'], 0)).toThrow('distinct: expected n-grams of at least 1 word, got 0');
    expect(() => repeatRate(['a'], 1.5)).toThrow('repeatRate: expected n-grams of at least 1 word, got 1.5');
    expect(() => selfBleu(['a'])).toThrow('selfBleu: expected at least two texts, got 1');
  });
});
