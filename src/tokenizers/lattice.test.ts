import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  expectedCountsAreThoseOfAllSplits,
  viterbiIsTheBestOfAllSplits,
} from '../../tests/support/checks/tokenizers.ts';
import { allSplits, someUnigram, unigramOf } from '../../tests/support/unigrams.ts';
import { Random } from '../core/random.ts';
import { Lattice } from './lattice.ts';

describe('Lattice (B8)', () => {
  it('takes the best of all splits', viterbiIsTheBestOfAllSplits);

  it('expects each piece as often as all splits together do', expectedCountsAreThoseOfAllSplits);

  it('gives the n best of all splits in order', () => {
    fc.assert(
      fc.property(someUnigram, fc.integer({ min: 1, max: 9 }), ({ pieces, text }, n) => {
        const lattice = new Lattice(pieces).build(text);
        const found = lattice.nBest(n);
        const all = allSplits(pieces, text).sort((a, b) => b.score - a.score);
        expect(found.length).toBe(Math.min(n, all.length));
        found.forEach(({ ids, score }, i) => {
          expect(score).toBeCloseTo(all[i]!.score, 9);
          expect(all.some((way) => way.ids.join() === ids.join() && Math.abs(way.score - score) < 1e-9)).toBe(
            true,
          );
        });
        expect(new Set(found.map(({ ids }) => ids.join())).size).toBe(found.length);
        expect(found[0]!.score).toBeCloseTo(lattice.best().score, 9);
      }),
    );
  });

  it('draws splits as often as their probability says, sharpened by alpha (chi-square)', () => {
    const scores = [-1, -1.5, -2, -0.7];
    const pieces = unigramOf(['a', 'b', 'ab', 'aba'], scores);
    for (const alpha of [0, 0.5, 1]) {
      const ways = allSplits(pieces, 'abab');
      const total = ways.reduce((sum, { score }) => sum + Math.exp(alpha * score), 0);
      const random = new Random(3, `sampling ${alpha}`);
      const lattice = new Lattice(pieces).build('abab');
      const draws = 20_000;
      const counts = new Map<string, number>();
      for (let i = 0; i < draws; i++) {
        const { ids } = lattice.sample(alpha, random);
        counts.set(ids.join(), (counts.get(ids.join()) ?? 0) + 1);
      }
      const chi = ways.reduce((sum, { ids, score }) => {
        const expected = (draws * Math.exp(alpha * score)) / total;
        return sum + ((counts.get(ids.join()) ?? 0) - expected) ** 2 / expected;
      }, 0);
      expect(ways.length).toBe(5);
      // 99.9 % of the chi-square distribution with 4 degrees of freedom.
      expect(chi).toBeLessThan(18.5);
    }
  });

  it('gives an empty text no pieces', () => {
    const lattice = new Lattice(unigramOf(['a'], [-1])).build('');
    expect(lattice.best()).toEqual({ ids: [], ends: [], score: 0 });
    expect(lattice.nBest(3)).toEqual([{ ids: [], ends: [], score: 0 }]);
    expect(lattice.sample(1, new Random(1, 'x'))).toEqual({ ids: [], ends: [], score: 0 });
    expect(lattice.addExpected(1, new Float64Array(2))).toBe(0);
  });
});
