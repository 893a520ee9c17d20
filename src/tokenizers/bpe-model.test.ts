import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../core/random.ts';
import { BpeModel, rankMerges } from './bpe-model.ts';
import { trainBpe } from './bpe-trainer.ts';
import type { Merge } from './types.ts';

/** The definition: look for the pair of lowest rank, left-most first, merge it, begin again. */
function mergeSlowly(word: readonly string[], merges: readonly Merge[]): string[] {
  let pieces = [...word];
  for (;;) {
    let best = Infinity;
    let at = -1;
    for (let i = 0; i + 1 < pieces.length; i++) {
      const rank = merges.findIndex(([left, right]) => left === pieces[i] && right === pieces[i + 1]);
      if (rank >= 0 && rank < best) {
        best = rank;
        at = i;
      }
    }
    if (at < 0) return pieces;
    pieces = [...pieces.slice(0, at), pieces[at]! + pieces[at + 1]!, ...pieces.slice(at + 2)];
  }
}

function modelOf(merges: readonly Merge[], alphabet: readonly string[]) {
  const pieces = [...new Set([...alphabet, ...merges.map(([left, right]) => left + right)])];
  const ids = new Map(pieces.map((piece, id) => [piece, id]));
  const model = new BpeModel(rankMerges(ids, merges));
  return (word: readonly string[]) =>
    model.merge(word.map((symbol) => ids.get(symbol)!)).ids.map((id) => pieces[id]!);
}

const word = (max: number) =>
  fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: max });

describe('BpeModel', () => {
  it('merges as the definition says, for learned merges', () => {
    fc.assert(
      fc.property(fc.array(word(12), { minLength: 1, maxLength: 8 }), word(120), (corpus, text) => {
        const counts = new Map(corpus.map((item, i) => [item, i + 1]));
        const options = { endOfWord: '', maxPieces: 20, maxMerges: 20, minFrequency: 1 };
        const { merges } = trainBpe(counts, { ...options, alphabet: 'abc' });
        expect(modelOf(merges, ['a', 'b', 'c'])([...text])).toEqual(mergeSlowly([...text], merges));
      }),
    );
  });

  it('merges as the definition says, for merges in any order', () => {
    const all: Merge[] = [
      ['a', 'a'],
      ['a', 'b'],
      ['aa', 'a'],
      ['a', 'aa'],
      ['aa', 'aa'],
      ['b', 'aa'],
      ['ab', 'a'],
      ['aab', 'c'],
      ['a', 'ab'],
      ['ab', 'c'],
      ['aa', 'b'],
      ['aab', 'aab'],
    ];
    const alphabet = ['a', 'b', 'c', 'aa', 'ab', 'aab'];
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: 1 }), word(120), (merges, text) => {
        expect(modelOf(merges, alphabet)([...text])).toEqual(mergeSlowly([...text], merges));
      }),
    );
  });

  it('goes from left to right where equal pieces were made in another order', () => {
    // The second and third aab come from a + ab, the first one, made later, from aa + b.
    const merges: Merge[] = [
      ['a', 'ab'],
      ['aa', 'b'],
      ['aab', 'aab'],
    ];
    const word = ['aa', 'b', 'a', 'ab', 'a', 'ab'];
    expect(modelOf(merges, ['a', 'b', 'aa', 'ab'])(word)).toEqual(['aabaab', 'aab']);
    expect(mergeSlowly(word, merges)).toEqual(['aabaab', 'aab']);
  });

  it('drops each possible merge with one probability at every step (chi-square; B8)', () => {
    const ids = new Map(['a', 'b', 'ab'].map((piece, id) => [piece, id]));
    const model = new BpeModel(rankMerges(ids, [['a', 'b']]));
    const p = 0.4;
    const draws = 20_000;
    const random = new Random(9, 'dropout');
    const counts = new Map<string, number>();
    for (let i = 0; i < draws; i++) {
      const key = model.merge([0, 1, 0, 1], { random, probability: p }).ids.join(' ');
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    // A step takes the first merge that is not dropped, the next step asks again about the other one.
    const expected = {
      '2 2': (1 - p) ** 2 * (1 + p),
      '2 0 1': (1 - p) * p,
      '0 1 2': p * (1 - p) * p,
      '0 1 0 1': p * p,
    };
    let chi = 0;
    for (const [key, share] of Object.entries(expected)) {
      chi += ((counts.get(key) ?? 0) - draws * share) ** 2 / (draws * share);
    }
    // 99.9 % of the chi-square distribution with 3 degrees of freedom.
    expect(chi).toBeLessThan(16.3);
  });

  it('counts the symbols of each piece', () => {
    const ids = new Map(['a', 'b', 'ab', 'abab'].map((piece, id) => [piece, id]));
    const model = new BpeModel(
      rankMerges(ids, [
        ['a', 'b'],
        ['ab', 'ab'],
      ]),
    );
    expect(model.merge([0, 1, 0, 1, 1, 9])).toEqual({ ids: [3, 1, 9], ends: [4, 5, 6] });
    expect(model.merge([])).toEqual({ ids: [], ends: [] });
  });
});
