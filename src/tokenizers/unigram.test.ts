import { describe, expect, it } from 'vitest';
import { Random } from '../core/random.ts';
import { loadTokenizer } from './load.ts';
import { trainTokenizer } from './train.ts';
import type { UnigramData } from './types.ts';
import { UnigramTokenizer } from './unigram.ts';
import { digamma, prune, seedPieces } from './unigram-trainer.ts';

const data = {
  format: 'heed-tokenizer',
  version: 1,
  kind: 'unigram',
  normalizers: [],
  specialTokens: { pad: '<pad>', unk: '<unk>', bos: '<s>', eos: '</s>' },
  vocab: Object.fromEntries(
    ['<pad>', '<unk>', '<s>', '</s>', '▁', 'a', 'b', 'ab', '▁a', '▁ab'].map((piece, id) => [piece, id]),
  ),
  scores: [-2, -2, -2, -3, -3, -4.5],
};
const tokenizer = loadTokenizer(data) as UnigramTokenizer;

describe('UnigramTokenizer', () => {
  it('takes the most probable pieces, and joins what is unknown', () => {
    expect(tokenizer.tokenize('ab b')).toEqual(['▁ab', '▁', 'b']);
    expect(tokenizer.encodeWithOffsets('axyb')).toEqual({
      ids: [8, 1, 6],
      offsets: [
        [0, 1],
        [1, 3],
        [3, 4],
      ],
    });
  });

  it('gives the n best of a text of several words in order', () => {
    // ▁ab −4.5, ▁+ab −5, ▁a+b −5, ▁+a+b −6, for each of the two words.
    const ways = tokenizer.nBest('ab ab', 6);
    expect(ways.map(({ score }) => score)).toEqual([-9, -9.5, -9.5, -9.5, -9.5, -10]);
    expect(ways[0]!.ids).toEqual(tokenizer.encode('ab ab'));
    expect(new Set(ways.map(({ ids }) => ids.join())).size).toBe(6);
    expect(ways.map(({ ids }) => tokenizer.decode(ids))).toEqual(ways.map(() => 'ab ab'));
    expect(tokenizer.nBest('', 3)).toEqual([{ ids: [], score: 0 }]);
  });

  it('draws among the n best, as often as P^alpha says (B8)', () => {
    const random = new Random(4, 'n best');
    const counts = new Map<string, number>();
    const draws = 4000;
    for (let i = 0; i < draws; i++) {
      const key = tokenizer.encode('ab', { sampling: { random, alpha: 2, nBest: 2 } }).join();
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(2);
    const share = 1 / (1 + Math.exp(2 * -0.5));
    expect(Math.abs(counts.get('9')! / draws - share)).toBeLessThan(
      4 * Math.sqrt((share * (1 - share)) / draws),
    );
  });

  it('draws nothing but the best for a large alpha, and repeats itself for the same seed', () => {
    const draw = (alpha: number) =>
      Array.from({ length: 20 }, () => {
        const random = new Random(6, 'repeat');
        return tokenizer.encode('ab ab', { sampling: { random, alpha } });
      });
    expect(new Set(draw(500).map(String))).toEqual(new Set([tokenizer.encode('ab ab').join()]));
    expect(new Set(draw(0).map(String)).size).toBe(1);
  });

  it('has the options of its kind only', () => {
    const random = new Random(1, 'x');
    expect(() => tokenizer.encode('a', { sampling: { random, dropout: 0.1 } })).toThrow(
      'sampling of kind unigram: expected only alpha and nBest, got dropout 0.1',
    );
    expect(() => tokenizer.encode('a', { sampling: { random, alpha: -1 } })).toThrow(
      'a number of at least 0',
    );
    const words = trainTokenizer({ kind: 'word' }, ['a']);
    expect(() => words.encode('a', { sampling: { random } })).toThrow(
      'expected no sampling, got sampling for kind word',
    );
    const bpe = trainTokenizer({ kind: 'bpe', numMerges: 1 }, ['aa aa']);
    expect(() => bpe.encode('a', { sampling: { random, dropout: 2 } })).toThrow(
      'a probability from 0 to 1, got dropout 2',
    );
  });

  it.each([
    ['too few scores', { scores: [-1] }, 'expected 6 scores, got 1'],
    ['a score above 0', { scores: [1, -1, -1, -1, -1, -1] }, "log probabilities as scores, got 1 for '▁'"],
    ['no bytes', { byteFallback: true }, '<0x00> as id 4, got "▁"'],
    ['half a flag', { byteFallback: 'yes' }, 'byteFallback to be true or not there'],
  ])('refuses a file with %s', (_, change, message) => {
    expect(() => loadTokenizer({ ...data, ...change })).toThrow(message);
  });
});

describe('training', () => {
  const lines = ['der hund und der mann', 'der mann und das kind', 'das kind und der hund'];

  it('reaches the size, keeps every character, and gives probabilities', () => {
    const stems = ['spiel', 'lach', 'wein', 'tanz', 'mach'];
    const words = stems.flatMap((stem) => ['e', 'st', 'ten', 'end'].map((ending) => stem + ending));
    const learned = trainTokenizer({ kind: 'unigram', vocabSize: 28 }, Array(9).fill(words.join(' ')));
    expect(learned).toBeInstanceOf(UnigramTokenizer);
    expect(learned.report).toEqual({ requested: 28, reached: 28, reason: 'reached' });
    for (const char of '▁spielachwntzmd') expect(learned.id(char)).toBeDefined();
    expect(learned.tokenize('spielen')).toEqual(['▁spiel', 'en']);
    const { scores } = learned.toJSON() as UnigramData;
    expect([...scores].sort((a, b) => b - a)).toEqual(scores);
    expect(scores.reduce((sum, score) => sum + Math.exp(score), 0)).toBeLessThan(1.2);
  });

  it('says when the text has no more to give, and when the vocabulary is smaller than the alphabet', () => {
    const { report } = trainTokenizer({ kind: 'unigram', vocabSize: 500 }, lines);
    expect(report).toMatchObject({ requested: 500, reason: 'exhausted' });
    expect(() => trainTokenizer({ kind: 'unigram', vocabSize: 9 }, lines)).toThrow(
      /expected at least 16 for the alphabet and the special tokens, got 9; hint: raise vocabSize or set limitAlphabet/,
    );
    expect(trainTokenizer({ kind: 'unigram', vocabSize: 9 }, []).tokenize('a b')).toEqual([
      '▁',
      '<unk>',
      '▁',
      '<unk>',
    ]);
  });

  it('prunes to the size that is asked for, and never a character', () => {
    const words = new Map([
      ['▁abcabc', 3],
      ['▁abc', 5],
      ['▁cab', 2],
    ]);
    const options = { maxPieceLength: 8, seedSize: 100, isForbidden: () => false };
    const rest = { numPieces: 5, alphabet: [], shrinkingFactor: 0.5, emSteps: 1, sparsePrior: true };
    const seeds = seedPieces(words, { ...options, ...rest });
    const kept = prune(seeds, words, 6).map(({ text }) => text);
    expect(kept.length).toBe(6);
    for (const char of '▁abc') expect(kept).toContain(char);
  });
});

describe('digamma', () => {
  it('has its known values', () => {
    const euler = 0.577_215_664_901_532_9;
    expect(digamma(1)).toBeCloseTo(-euler, 10);
    expect(digamma(0.5)).toBeCloseTo(-euler - 2 * Math.LN2, 10);
    expect(digamma(2)).toBeCloseTo(1 - euler, 10);
    expect(digamma(10)).toBeCloseTo(2.251_752_589_066_721, 10);
    expect(digamma(1e6) - Math.log(1e6)).toBeCloseTo(-5e-7, 12);
  });
});
