/** What is true of tokenizers; the property tests and the planted bugs run these. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { Random } from '../../../src/core/random.ts';
import { BpeModel, rankMerges } from '../../../src/tokenizers/bpe-model.ts';
import { trainBpe } from '../../../src/tokenizers/bpe-trainer.ts';
import { Lattice } from '../../../src/tokenizers/lattice.ts';
import { trainTokenizer } from '../../../src/tokenizers/train.ts';
import { emStep, seedPieces } from '../../../src/tokenizers/unigram-trainer.ts';
import { anyText } from '../any-text.ts';
import { learnSlowly } from '../slow-merges.ts';
import { allSplits, someUnigram } from '../unigrams.ts';

/** Viterbi against brute force over all splits. */
export function viterbiIsTheBestOfAllSplits(): void {
  fc.assert(
    fc.property(someUnigram, ({ pieces, text }) => {
      const { ids, ends, score } = new Lattice(pieces).build(text).best();
      const all = allSplits(pieces, text);
      expect(score).toBeCloseTo(Math.max(...all.map((way) => way.score)), 9);
      expect(all.find((way) => way.ids.join() === ids.join())?.ends).toEqual(ends);
    }),
  );
}

/** Forward–backward against the sum over all splits, in which the probabilities of the splits add up to 1. */
export function expectedCountsAreThoseOfAllSplits(): void {
  fc.assert(
    fc.property(someUnigram, ({ pieces, text }) => {
      const expected = new Float64Array(pieces.unk + 1);
      const total = new Lattice(pieces).build(text).addExpected(1, expected);
      const all = allSplits(pieces, text);
      const sum = all.reduce((part, { score }) => part + Math.exp(score), 0);
      expect(Math.exp(total - Math.log(sum))).toBeCloseTo(1, 9);
      const counts = new Float64Array(pieces.unk + 1);
      for (const { ids, score } of all) for (const id of ids) counts[id]! += Math.exp(score) / sum;
      expected.forEach((count, id) => {
        expect(count).toBeCloseTo(counts[id]!, 9);
      });
      // Whichever split is true, its pieces cover the text once.
      const covered = expected.reduce(
        (part, count, id) => part + count * [...(pieces.texts[id] ?? '?')].length,
        0,
      );
      expect(covered).toBeCloseTo([...text].length, 9);
    }),
  );
}

const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 14 });
const counted = fc
  .dictionary(word, fc.integer({ min: 1, max: 5 }), { maxKeys: 12 })
  .map((dictionary) => new Map(Object.entries(dictionary)));

/** Plain EM: the likelihood of the words under the new pieces is not below the one under the old. */
export function likelihoodNeverFalls(): void {
  fc.assert(
    fc.property(counted, (words) => {
      const options = {
        numPieces: 9,
        alphabet: ['a', 'b', 'c'],
        maxPieceLength: 5,
        shrinkingFactor: 0.75,
        emSteps: 2,
        seedSize: 40,
        sparsePrior: false,
        isForbidden: () => false,
      };
      let pieces = seedPieces(words, options);
      let before = -Infinity;
      for (let step = 0; step < 8; step++) {
        const { pieces: next, logLikelihood } = emStep(pieces, words, false);
        // Where one piece is the whole text the logarithm is 0 but for rounding, of either sign.
        expect(logLikelihood).toBeGreaterThanOrEqual(before - 1e-9 * (1 + Math.abs(logLikelihood)));
        before = logLikelihood;
        pieces = next;
        if (words.size > 0) {
          expect(pieces.reduce((sum, { score }) => sum + Math.exp(score), 0)).toBeCloseTo(1, 9);
        }
      }
    }),
  );
}

/** The trainer, which keeps its counts up to date, against counting everything again before each step. */
export function mergesAreThoseOfCountingAgain(): void {
  const settings = fc.record({
    score: fc.constantFrom('frequency', 'likelihood'),
    mergesPerStep: fc.integer({ min: 1, max: 3 }),
    minFrequency: fc.integer({ min: 1, max: 3 }),
    continuation: fc.constantFrom('', '##'),
  });
  fc.assert(
    fc.property(counted, settings, (words, options) => {
      const limits = { maxPieces: Infinity, maxMerges: 15, endOfWord: '', alphabet: ['a', 'b', 'c'] };
      const { merges } = trainBpe(words, { ...limits, ...options });
      expect(merges).toEqual(learnSlowly(words, { ...limits, ...options }));
    }),
  );
}

/** BPE-dropout with p = 0 is BPE, with p = 1 merges nothing, and between them gives back the same text. */
export function dropoutMergesLess(): void {
  fc.assert(
    fc.property(counted, word, fc.double({ min: 0, max: 1, noNaN: true }), (words, text, probability) => {
      const limits = { maxPieces: Infinity, maxMerges: 15, endOfWord: '', alphabet: ['a', 'b', 'c'] };
      const { pieces, merges } = trainBpe(words, { ...limits, minFrequency: 1 });
      const ids = new Map(pieces.map((piece, id) => [piece, id]));
      const model = new BpeModel(rankMerges(ids, merges));
      const symbols = [...text].map((char) => ids.get(char)!);
      const random = new Random(5, text);
      const plain = model.merge(symbols);
      expect(model.merge(symbols, { random, probability: 0 })).toEqual(plain);
      expect(model.merge(symbols, { random, probability: 1 }).ids).toEqual(symbols);
      const drawn = model.merge(symbols, { random, probability }).ids;
      expect(drawn.map((id) => pieces[id]).join('')).toBe(text);
      for (const id of drawn)
        if (!symbols.includes(id)) expect(merges.map((pair) => pair.join(''))).toContain(pieces[id]);
    }),
  );
}

/** Bytes and the SentencePiece way lose nothing: spaces, marks that were written and any character come back. */
export function spacesAndMarksComeBack(): void {
  const lines = ['ein  hund', ' zwei ', '中文没有空格', 'mixed 中文 text'];
  const tokenizers = [
    trainTokenizer({ kind: 'bpe', preTokenizer: 'metaspace', byteFallback: true, numMerges: 20 }, lines),
    trainTokenizer({ kind: 'unigram', byteFallback: true, vocabSize: 320 }, lines),
    trainTokenizer({ kind: 'bpe', preTokenizer: 'byteLevel', numMerges: 20 }, lines),
  ];
  const bytes = fc.uint8Array({ maxLength: 20 }).map((values) => String.fromCharCode(...values));
  const text = fc.oneof(
    anyText,
    bytes,
    fc.string({ unit: fc.constantFrom(' ', 'a', '▁', '中'), maxLength: 12 }),
  );
  fc.assert(
    fc.property(text, (given) => {
      for (const tokenizer of tokenizers) {
        const ids = tokenizer.encode(given);
        expect(ids).not.toContain(tokenizer.specialTokens.unk);
        expect(tokenizer.decode(ids)).toBe(tokenizer.normalize(given));
      }
    }),
  );
}
