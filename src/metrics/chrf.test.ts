import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../errors.ts';
import { chrf, chrfStatistics, sentenceChrf } from './chrf.ts';
import { sumRows } from './corpus.ts';

/** chrF of one segment and one reference by pairwise comparison of n-grams. */
function slowChrf(hypothesis: string, reference: string, charOrder: number, beta: number): number {
  const ngrams = (text: string, n: number) => {
    const characters = [...text.replaceAll(' ', '')];
    return characters
      .map((_, i) => characters.slice(i, i + n))
      .filter((ngram) => ngram.length === n)
      .map((ngram) => ngram.join(''));
  };
  const precisions: number[] = [];
  const recalls: number[] = [];
  for (let n = 1; n <= charOrder; n++) {
    const left = ngrams(reference, n);
    const [hypothesisTotal, referenceTotal] = [ngrams(hypothesis, n).length, left.length];
    if (hypothesisTotal === 0 || referenceTotal === 0) continue;
    let matches = 0;
    for (const ngram of ngrams(hypothesis, n)) {
      const at = left.indexOf(ngram);
      if (at < 0) continue;
      left.splice(at, 1);
      matches++;
    }
    precisions.push(matches / hypothesisTotal);
    recalls.push(matches / referenceTotal);
  }
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / (values.length || 1);
  const [precision, recall] = [mean(precisions), mean(recalls)];
  if (precision + recall === 0) return 0;
  return (100 * (1 + beta ** 2) * precision * recall) / (beta ** 2 * precision + recall);
}

const text = fc
  .array(fc.constantFrom('a', 'b', 'c', ' ', 'é', '👍', '.'), { maxLength: 15 })
  .map((characters) => characters.join(''));

describe('by hand', () => {
  test('F₂ of the mean precision and recall', () => {
    // order 1: 2 of 2 and 2 of 3; order 2: 1 of 1 and 1 of 2; P = 1, R = 7/12
    expect(sentenceChrf('ab', ['abc'], { charOrder: 2 }).score).toBeCloseTo((100 * 35) / 55, 12);
    expect(sentenceChrf('ab', ['abc'], { charOrder: 2, beta: 1 }).score).toBeCloseTo((100 * 14) / 19, 12);
  });
  test('a reference that is too short for an order does not count against it', () => {
    expect(sentenceChrf('ab', ['ab'], { charOrder: 6 }).score).toBe(100);
    // order 1: 3 of 5 and 3 of 3; order 2: 1 of 1 and 1 of 1, the bigrams of abc having no partner
    expect(chrf(['abc', 'ab'], [['a'], ['ab']], { charOrder: 2 }).score).toBeCloseTo(100 / 1.05, 12);
    expect(sentenceChrf('ab', ['ab'], { charOrder: 4, epsSmoothing: true }).score).toBeCloseTo(50, 9);
  });
  test('words: one sign is taken off, the end before the beginning', () => {
    // (hi) → (hi + ), so that only the bracket matches: 1 of 2 words both ways
    const { score } = sentenceChrf('(hi)', ['hi )'], { charOrder: 0, wordOrder: 1 });
    expect(score).toBeCloseTo(50, 12);
  });
  test('white space counts when asked for', () => {
    expect(sentenceChrf('a b', ['ab']).score).toBe(100);
    expect(sentenceChrf('a b', ['ab'], { whitespace: true }).score).toBeLessThan(100);
  });
  test('the reference with the highest F-score counts', () => {
    const [best, worse] = ['abcd', 'dcba'].map((reference) => sentenceChrf('abcx', [reference]).score);
    expect(best).toBeGreaterThan(worse!);
    expect(sentenceChrf('abcx', ['dcba', 'abcd']).score).toBe(best);
  });
});

describe('properties', () => {
  test('equals pairwise counting', () => {
    fc.assert(
      fc.property(text, text, fc.integer({ min: 1, max: 6 }), fc.constantFrom(1, 2, 3), (a, b, n, beta) => {
        expect(sentenceChrf(a, [b], { charOrder: n, beta }).score).toBeCloseTo(slowChrf(a, b, n, beta), 9);
      }),
    );
  });
  test('identical text scores 100, with words too', () => {
    fc.assert(
      fc.property(
        text.filter((t) => t.trim() !== ''),
        fc.integer({ min: 0, max: 2 }),
        (same, wordOrder) => {
          expect(sentenceChrf(same, [same], { wordOrder }).score).toBe(100);
        },
      ),
    );
  });
  test('the statistics of the items give the corpus score', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 4 }), (pairs) => {
        const hypotheses = pairs.map(([hypothesis]) => hypothesis);
        const references = pairs.map(([, reference]) => [reference]);
        const { rows, score } = chrfStatistics(hypotheses, references, { wordOrder: 2 });
        expect(score(sumRows(rows))).toBe(chrf(hypotheses, references, { wordOrder: 2 }).score);
      }),
    );
  });
});

test('names and signatures', () => {
  const plain = chrf(['a'], [['a']]);
  const words = chrf(['a'], [['a', 'b']], { wordOrder: 2, beta: 3, lowercase: true });
  expect(plain.name).toBe('chrF2');
  expect(plain.signature).toBe('nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.6.0');
  expect(words.name).toBe('chrF3++');
  expect(words.signature).toBe('nrefs:2|case:lc|eff:yes|nc:6|nw:2|space:no|version:2.6.0');
});

test('wrong options are refused together', () => {
  const wrong = () => chrf(['a'], [['a']], { charOrder: 1.5, beta: 0 });
  expect(wrong).toThrow(ConfigError);
  expect(wrong).toThrow(/charOrder: expected an integer ≥ 0, got 1.5.*beta: expected a number > 0, got 0/);
  expect(() => chrf(['a'], [['a']], { charOrder: 0 })).toThrow('any order above 0');
});
