import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
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
      fc.property(fc.array(word(12), { minLength: 1, maxLength: 8 }), word(40), (corpus, text) => {
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
      fc.property(fc.shuffledSubarray(all, { minLength: 1 }), word(40), (merges, text) => {
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
