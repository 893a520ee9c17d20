/** Small unigram language models, and all splits of a text by brute force. */
import fc from 'fast-check';
import type { Segmentation, UnigramPieces } from '../../src/tokenizers/lattice.ts';
import { Trie } from '../../src/tokenizers/trie.ts';

/** The pieces in the order of their ids; the one after the last is unknown. */
export function unigramOf(
  texts: readonly string[],
  scores: readonly number[],
): UnigramPieces & { texts: readonly string[] } {
  return {
    texts,
    trie: new Trie(texts.map((text, id) => [text, id])),
    scores: Float64Array.from(scores),
    unk: texts.length,
    unkScore: Math.min(0, ...scores) - 10,
  };
}

const piece = fc.string({ unit: fc.constantFrom('a', 'b', '😀'), minLength: 1, maxLength: 4 });

/** Some pieces with scores, and a text of at most 12 characters, one of which may be no piece. */
export const someUnigram = fc
  .record({
    texts: fc.uniqueArray(piece, { minLength: 1, maxLength: 12 }),
    text: fc.string({ unit: fc.constantFrom('a', 'b', '😀', 'c'), maxLength: 12 }),
    scores: fc.array(fc.double({ min: -9, max: 0, noNaN: true }), { minLength: 12, maxLength: 12 }),
  })
  .map(({ texts, text, scores }) => ({ text, pieces: unigramOf(texts, scores.slice(0, texts.length)) }));

/** Every way to cut a text; a character is unknown where it is no piece by itself. */
export function allSplits(pieces: ReturnType<typeof unigramOf>, text: string): Segmentation[] {
  const chars = [...text];
  const splits: Segmentation[] = [];
  const go = (at: number, ids: number[], ends: number[], score: number): void => {
    if (at === chars.length) splits.push({ ids, ends, score });
    for (let end = at + 1; end <= chars.length; end++) {
      let id = pieces.texts.indexOf(chars.slice(at, end).join(''));
      if (id < 0 && end === at + 1) id = pieces.unk;
      if (id < 0) continue;
      const added = id === pieces.unk ? pieces.unkScore : pieces.scores[id]!;
      go(end, [...ids, id], [...ends, end], score + added);
    }
  };
  go(0, [], [], 0);
  return splits;
}
