import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConfigError, HeedError, ShapeError } from '../errors.ts';
import { bleu, bleuStatistics, sentenceBleu } from './bleu.ts';
import { sumRows } from './corpus.ts';

const plain = { tokenize: 'none', lowercase: true } as const;

/** Clipped matches and n-grams of one order by pairwise comparison, without maps. */
function slowMatches(hypothesis: string[], references: string[][], order: number): [number, number] {
  const ngrams = (words: string[]) =>
    words.slice(0, Math.max(0, words.length - order + 1)).map((_, i) => words.slice(i, i + order).join(' '));
  const occurrences = (ngram: string, words: string[]) =>
    ngrams(words).filter((other) => other === ngram).length;
  const all = ngrams(hypothesis);
  const distinct = all.filter((ngram, i) => all.indexOf(ngram) === i);
  const matches = distinct.map((ngram) =>
    Math.min(occurrences(ngram, hypothesis), Math.max(...references.map((r) => occurrences(ngram, r)))),
  );
  return [matches.reduce((sum, count) => sum + count, 0), all.length];
}

const word = fc.constantFrom('a', 'b', 'c', 'the');
const sentence = fc.array(word, { maxLength: 12 });
const item = fc.tuple(sentence, fc.array(sentence, { minLength: 1, maxLength: 3 }));
const corpus = fc.array(item, { minLength: 1, maxLength: 4 }).map((items) => ({
  hypotheses: items.map(([hypothesis]) => hypothesis.join(' ')),
  references: items.map(([, references]) => references.map((words) => words.join(' '))),
  items,
}));

describe('examples of Papineni et al. 2002', () => {
  const references = [
    'It is a guide to action that ensures that the military will forever heed Party commands',
    'It is the guiding principle which guarantees the military forces always being under the command of the Party',
    'It is the practical guide for the army always to heed the directions of the party',
  ];

  test.each([
    [
      'It is a guide to action which ensures that the military always obeys the commands of the party',
      [17, 10],
      [18, 17],
    ],
    ['It is to insure the troops forever hearing the activity guidebook that party direct', [8, 1], [14, 13]],
  ])('modified precisions of "%s"', (candidate, counts, totals) => {
    const result = bleu([candidate], [references], { ...plain, maxNgramOrder: 2 });
    expect(result.counts).toEqual(counts);
    expect(result.totals).toEqual(totals);
  });

  test('a repeated word is clipped to the highest count in one reference', () => {
    const result = bleu(
      ['the the the the the the the'],
      [['The cat is on the mat', 'There is a cat on the mat']],
      plain,
    );
    expect(result.precisions[0]).toBeCloseTo((100 * 2) / 7, 12);
    expect(result.counts[1]).toBe(0);
  });

  test('the brevity penalty takes the reference nearest in length, of two as near the shorter', () => {
    const words = (n: number) => Array.from({ length: n }, (_, i) => `w${i}`).join(' ');
    expect(bleu([words(12)], [[words(12), words(15), words(17)]]).brevityPenalty).toBe(1);
    expect(bleu([words(10)], [[words(12), words(8)]]).referenceLength).toBe(8);
    expect(bleu([words(9)], [[words(12)]]).brevityPenalty).toBeCloseTo(Math.exp(1 - 12 / 9), 12);
  });
});

describe('properties', () => {
  test('counts and totals equal pairwise counting', () => {
    fc.assert(
      fc.property(corpus, ({ hypotheses, references, items }) => {
        const result = bleu(hypotheses, references, { tokenize: 'none', smooth: 'none' });
        for (let n = 1; n <= 4; n++) {
          const slow = items.map(([h, r]) => slowMatches(h, r, n));
          expect(result.counts[n - 1]).toBe(slow.reduce((sum, [matches]) => sum + matches, 0));
          expect(result.totals[n - 1]).toBe(slow.reduce((sum, [, total]) => sum + total, 0));
        }
        const logs = [0, 1, 2, 3].map((k) => Math.log(result.counts[k]! / (result.totals[k]! || 1)));
        const mean = logs.reduce((sum, log) => sum + log, 0) / 4;
        expect(result.score).toBeCloseTo(100 * result.brevityPenalty * Math.exp(mean), 9);
      }),
    );
  });

  test('identical text scores 100, whatever the tokenizer', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, unit: 'grapheme' }).filter((text) => /\p{L}/u.test(text)),
        fc.constantFrom('13a', 'none', 'char', 'zh', 'intl'),
        (text, tokenize) => {
          expect(sentenceBleu(text, [text], { tokenize }).score).toBe(100);
        },
      ),
    );
  });

  test('between 0 and 100; another reference never takes a match away', () => {
    fc.assert(
      fc.property(corpus, sentence, ({ hypotheses, references }, extra) => {
        const fewer = bleu(hypotheses, references, plain);
        const more = bleu(
          hypotheses,
          references.map((list) => [...list, extra.join(' ')]),
          plain,
        );
        expect(fewer.score).toBeGreaterThanOrEqual(0);
        expect(fewer.score).toBeLessThanOrEqual(100);
        for (let k = 0; k < 4; k++) expect(more.counts[k]).toBeGreaterThanOrEqual(fewer.counts[k]!);
      }),
    );
  });

  test('the order of the items does not matter', () => {
    fc.assert(
      fc.property(corpus, ({ hypotheses, references }) => {
        const reversed = bleu(hypotheses.toReversed(), references.toReversed(), plain);
        expect(reversed.score).toBe(bleu(hypotheses, references, plain).score);
      }),
    );
  });

  test('the statistics of the items give the corpus score', () => {
    fc.assert(
      fc.property(corpus, ({ hypotheses, references }) => {
        const { rows, score } = bleuStatistics(hypotheses, references, { smooth: 'add-k' });
        expect(score(sumRows(rows))).toBe(bleu(hypotheses, references, { smooth: 'add-k' }).score);
      }),
    );
  });
});

describe('smoothing', () => {
  // 3 of 4 words and 1 of 3 bigrams match, no trigram of 2, no 4-gram of 1
  const score = (options: object) => bleu(['a b c d'], [['a b x d']], options).score;
  const mean = (...precisions: number[]) => 100 * precisions.reduce((product, p) => product * p, 1) ** 0.25;

  test('exp halves the missing match again at every order', () => {
    expect(score({})).toBeCloseTo(mean(3 / 4, 1 / 3, 1 / 4, 1 / 4), 10);
  });
  test('floor', () => {
    expect(score({ smooth: 'floor' })).toBeCloseTo(mean(3 / 4, 1 / 3, 0.1 / 2, 0.1), 10);
    expect(score({ smooth: 'floor', smoothValue: 0.5 })).toBeCloseTo(mean(3 / 4, 1 / 3, 0.5 / 2, 0.5), 10);
  });
  test('add-k leaves the words alone', () => {
    expect(score({ smooth: 'add-k' })).toBeCloseTo(mean(3 / 4, 2 / 4, 1 / 3, 1 / 2), 10);
  });
  test('none', () => {
    expect(score({ smooth: 'none' })).toBe(0);
  });
  test('no match at all is 0 under every method', () => {
    for (const smooth of ['exp', 'floor', 'add-k', 'none'] as const) {
      expect(bleu(['a b c d'], [['w x y z']], { smooth }).score).toBe(0);
    }
  });
});

describe('signatures', () => {
  const signature = (options: object, references = [['b']]) => bleu(['a'], references, options).signature;
  test.each([
    [{}, 'nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0'],
    [{ lowercase: true, tokenize: 'zh' }, 'nrefs:1|case:lc|eff:no|tok:zh|smooth:exp|version:2.6.0'],
    [{ smooth: 'floor' }, 'nrefs:1|case:mixed|eff:no|tok:13a|smooth:floor[0.10]|version:2.6.0'],
    [
      { smooth: 'add-k', smoothValue: 2 },
      'nrefs:1|case:mixed|eff:no|tok:13a|smooth:add-k[2.00]|version:2.6.0',
    ],
    [{ effectiveOrder: true }, 'nrefs:1|case:mixed|eff:yes|tok:13a|smooth:exp|version:2.6.0'],
  ])('%j', (options, expected) => {
    expect(signature(options)).toBe(expected);
  });
  test('a number of references that differs', () => {
    expect(bleu(['a', 'b'], [['a'], ['b', 'c']]).signature).toMatch(/^nrefs:var\|/);
  });
});

describe('refusals', () => {
  test('every wrong option at once', () => {
    const wrong = { tokenize: '13b', smooth: 'flor', maxNgramOrder: 0 } as unknown as Parameters<
      typeof bleu
    >[2];
    expect(() => bleu(['a'], [['a']], wrong)).toThrow(ConfigError);
    expect(() => bleu(['a'], [['a']], wrong)).toThrow(
      /tokenize: unknown "13b"; did you mean "13a".*smooth: unknown "flor"; did you mean "floor".*maxNgramOrder/,
    );
  });
  test('a smoothing value that would be ignored', () => {
    expect(() => bleu(['a'], [['a']], { smoothValue: 1 })).toThrow('smoothing "exp" takes none');
    expect(() => bleu(['a'], [['a']], { smooth: 'floor', smoothValue: -1 })).toThrow('got -1');
  });
  test('input that does not pair up', () => {
    expect(() => bleu(['a', 'b'], [['a', 'b']])).toThrow(ShapeError);
    expect(() => bleu(['a', 'b'], [['a', 'b']])).toThrow('each of the 2 hypotheses, got 1 lists');
    expect(() => bleu([], [])).toThrow(HeedError);
    expect(() => bleu(['a', 'b'], [['a'], []])).toThrow('none for item 1');
  });
});
