import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expectClose } from '../../tests/support/compare.ts';
import {
  enumerate,
  type NextLogits,
  randomTree,
  slowBeam,
  TreeSession,
} from '../../tests/support/tree-session.ts';
import { ConfigError } from '../errors.ts';
import { beamSearch } from './beam.ts';
import { greedySearch } from './greedy.ts';
import { type Hypothesis, lengthPenalty } from './options.ts';

const [bos, eos] = [0, 1];
const exact = { rtol: 1e-12, atol: 1e-12 };

function beam(next: NextLogits, beamSize: number, maxNewTokens: number, alpha = 0, nBest = 1): Hypothesis[] {
  const options = { bos, eos, maxNewTokens, beamSize, lengthPenalty: alpha, nBest };
  return beamSearch(new TreeSession(next), options)[0]!;
}

function greedy(next: NextLogits, maxNewTokens: number, alpha = 0): Hypothesis {
  return greedySearch(new TreeSession(next), { bos, eos, maxNewTokens, lengthPenalty: alpha })[0]!;
}

const texts = (found: readonly { readonly tokens: readonly number[] }[]) => found.map(({ tokens }) => tokens);
const scores = (found: readonly { readonly score: number }[]) => found.map(({ score }) => score);

describe('the tree where greedy is not best', () => {
  // A .6 / B .4; after A nothing is sure (.6 B / .4 A, twice), after B the rest is nearly certain (.9 B).
  const [A, B] = [2, 3];
  const tree: NextLogits = (prefix) => {
    const odds = (a: number, b: number): number[] =>
      [0, 0, a, b].map((p) => (p > 0 ? Math.log(p) : Number.NEGATIVE_INFINITY));
    if (prefix.length === 1) return odds(0.6, 0.4);
    return prefix[1] === A ? odds(0.4, 0.6) : odds(0.1, 0.9);
  };

  test('greedy takes A, B, B with .216', () => {
    const { tokens, logProb, complete } = greedy(tree, 3);
    expect(tokens).toEqual([A, B, B]);
    expect(Math.exp(logProb)).toBeCloseTo(0.216, 12);
    expect(complete).toBe(false);
  });

  test('a beam of two finds B, B, B with .324', () => {
    const [best, second] = beam(tree, 2, 3, 0, 2);
    expect(best!.tokens).toEqual([B, B, B]);
    expect(Math.exp(best!.logProb)).toBeCloseTo(0.324, 12);
    expect(second!.tokens).toEqual([A, B, B]);
  });
});

const anyTree = fc.record({
  seed: fc.integer({ min: 0, max: 1e6 }),
  vocabSize: fc.integer({ min: 3, max: 4 }),
  length: fc.integer({ min: 1, max: 4 }),
  alpha: fc.constantFrom(0, 0.6, 1, 2),
});

test('a beam of V^T is exhaustive search', () => {
  fc.assert(
    fc.property(anyTree, ({ seed, vocabSize, length, alpha }) => {
      const next = randomTree(seed, vocabSize);
      const all = enumerate(next, { bos, eos, maxNewTokens: length, alpha });
      const found = beam(next, vocabSize ** length, length, alpha, all.length);
      expect(texts(found)).toEqual(texts(all));
      expectClose(scores(found), scores(all), exact);
      expect(found.map(({ complete }) => complete)).toEqual(all.map(({ complete }) => complete));
    }),
    { numRuns: 60 },
  );
});

test('any beam equals beam search by the book: stopping early loses nothing', () => {
  const anyCase = fc.tuple(anyTree, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 12 }));
  fc.assert(
    fc.property(anyCase, ([{ seed, vocabSize, alpha }, beamSize, length]) => {
      const next = randomTree(seed, vocabSize);
      const expected = slowBeam(next, beamSize, { bos, eos, maxNewTokens: length, alpha }).slice(0, beamSize);
      const found = beam(next, beamSize, length, alpha, beamSize);
      expect(texts(found)).toEqual(texts(expected));
      expectClose(scores(found), scores(expected), exact);
    }),
    { numRuns: 200 },
  );
});

test('a beam of one is greedy search, ties included', () => {
  fc.assert(
    fc.property(anyTree, fc.boolean(), ({ seed, vocabSize, alpha }, isCoarse) => {
      const next = randomTree(seed, vocabSize, isCoarse);
      const [one] = beam(next, 1, 8, alpha);
      const { tokens, score, logProb, complete } = greedy(next, 8, alpha);
      expect({ tokens: one!.tokens, complete: one!.complete }).toEqual({ tokens, complete });
      expectClose([one!.score, one!.logProb], [score, logProb], exact);
    }),
    { numRuns: 200 },
  );
});

test('the n best are sorted, distinct, scored by the length penalty, and the best is no worse than greedy', () => {
  fc.assert(
    fc.property(anyTree, fc.boolean(), ({ seed, vocabSize, alpha }, isCoarse) => {
      const next = randomTree(seed, vocabSize, isCoarse);
      const found = beam(next, 4, 6, alpha, 4);
      const all = new Map(
        enumerate(next, { bos, eos, maxNewTokens: 6, alpha }).map((h) => [`${h.tokens} ${h.complete}`, h]),
      );
      expect(scores(found)).toEqual(scores(found).toSorted((a, b) => b - a));
      const keys = found.map(({ tokens, complete }) => `${tokens} ${complete}`);
      expect(new Set(keys).size).toBe(found.length);
      expectClose(
        scores(found),
        keys.map((key) => all.get(key)!.score),
        exact,
      );
    }),
    { numRuns: 40 },
  );
});

test('the penalty is ((5 + length)/6)^alpha, the end token counted', () => {
  expect(lengthPenalty(1, 0.6)).toBe(1);
  expect(lengthPenalty(7, 1)).toBe(2);
  expect(lengthPenalty(19, 0.5)).toBe(2);
  expect(lengthPenalty(100)).toBe(1);
  const endsAfterTwo: NextLogits = (prefix) => (prefix.length < 3 ? [0, 0, 0, 3] : [0, 3, 0, 0]);
  for (const found of [greedy(endsAfterTwo, 9, 0.6), beam(endsAfterTwo, 3, 9, 0.6)[0]!]) {
    expect(found.tokens).toEqual([3, 3]);
    expect(found.complete).toBe(true);
    const logProb = 3 * (3 - Math.log(Math.exp(3) + 3));
    expectClose([found.logProb, found.score], [logProb, logProb / ((5 + 3) / 6) ** 0.6], exact);
  }
});

test('equal continuations: the lowest token first, the same in every run', () => {
  const flat: NextLogits = () => [0, 0, 0, 0];
  const first = beam(flat, 3, 3, 0, 3);
  expect(texts(first)).toEqual(texts(beam(flat, 3, 3, 0, 3)));
  expect(texts(first)).toEqual(texts(slowBeam(flat, 3, { bos, eos, maxNewTokens: 3, alpha: 0 }).slice(0, 3)));
  expect(greedy(flat, 3).tokens).toEqual([0, 0, 0]);
});

describe('a batch', () => {
  const next = randomTree(11, 5);
  const alone =
    (text: number): NextLogits =>
    (prefix) =>
      next(prefix, text);
  const limits = [6, 1, 9, 3, 0, 6];

  test('gives every text what it gets alone, in order', () => {
    for (const beamSize of [1, 2, 4]) {
      const options = { bos, eos, maxNewTokens: limits, beamSize, lengthPenalty: 0.6, nBest: beamSize };
      const together = beamSearch(new TreeSession(next, limits.length), options);
      for (const [text, limit] of limits.entries()) {
        const single = beam(alone(text), beamSize, limit, 0.6, beamSize);
        expect(texts(together[text]!)).toEqual(texts(single));
        expectClose(scores(together[text]!), scores(single), exact);
      }
    }
    const greedyTogether = greedySearch(new TreeSession(next, limits.length), {
      bos,
      eos,
      maxNewTokens: limits,
    });
    expect(texts(greedyTogether)).toEqual(limits.map((limit, text) => greedy(alone(text), limit).tokens));
  });

  test('no text is longer than its limit; a limit of 0 gives the empty text', () => {
    const options = { bos, eos, maxNewTokens: limits, beamSize: 3, nBest: 3 };
    for (const [text, found] of beamSearch(new TreeSession(next, limits.length), options).entries())
      for (const { tokens } of found) expect(tokens.length).toBeLessThanOrEqual(limits[text]!);
    const [empty] = beamSearch(new TreeSession(next), { ...options, maxNewTokens: 0 })[0]!;
    expect(empty).toEqual({ tokens: [], logProb: 0, score: 0, complete: false });
  });

  test('finished texts leave it', () => {
    const endsAfter: NextLogits = (prefix, text) => (prefix.length > text ? [0, 50, 0] : [0, 0, 50]);
    for (const search of [greedySearch, beamSearch]) {
      const session = new TreeSession(endsAfter, 3);
      search(session, { bos, eos, maxNewTokens: 10, beamSize: 1, nBest: 1 });
      expect(session.stepRows).toEqual([3, 2, 1]);
    }
  });
});

describe('constraints', () => {
  test('every result starts with its forced prefix, whose probability counts', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.array(fc.integer({ min: 2, max: 4 }), { maxLength: 4 }),
        (seed, prefix) => {
          const next = randomTree(seed, 5);
          const options = { bos, eos, maxNewTokens: 7, alpha: 0 };
          const all = new Map(
            enumerate(next, { ...options, maxNewTokens: 5 }).map((h) => [`${h.tokens} ${h.complete}`, h]),
          );
          const limits = { ...options, maxNewTokens: 5, prefixes: [prefix] };
          const found = beamSearch(new TreeSession(next), { ...limits, beamSize: 3, nBest: 3 })[0]!;
          found.push(greedySearch(new TreeSession(next), limits)[0]!);
          for (const { tokens, complete, logProb } of found) {
            expect(tokens.slice(0, prefix.length)).toEqual(prefix);
            expectClose([logProb], [all.get(`${tokens} ${complete}`)!.logProb], exact);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test('forbidden ids never come, and leave their probability to the others', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const next = randomTree(seed, 6);
        const without: NextLogits = (prefix, text) =>
          next(prefix, text).map((x, id) => (id === 3 || id === 5 ? Number.NEGATIVE_INFINITY : x));
        const options = { bos, eos, maxNewTokens: 5, forbidden: [3, 5] };
        const found = beamSearch(new TreeSession(next), { ...options, beamSize: 4, nBest: 4 })[0]!;
        expect(texts(found)).toEqual(texts(beam(without, 4, 5, 0, 4)));
        expect(greedySearch(new TreeSession(next), options)[0]).toEqual(greedy(without, 5));
        for (const { tokens, score } of [...found, greedySearch(new TreeSession(next), options)[0]!]) {
          expect(tokens.some((id) => id === 3 || id === 5)).toBe(false);
          expect(Number.isFinite(score)).toBe(true);
        }
      }),
      { numRuns: 40 },
    );
  });

  test('more hypotheses than a vocabulary has tokens', () => {
    const found = beam(randomTree(3, 3), 10, 2, 0, 10);
    expect(texts(found)).toEqual(texts(enumerate(randomTree(3, 3), { bos, eos, maxNewTokens: 2, alpha: 0 })));
  });

  test('every option that cannot be used is listed', () => {
    const options = { bos, eos, maxNewTokens: 3, beamSize: 0, nBest: 2, lengthPenalty: Number.NaN };
    const wrong = (): unknown => beamSearch(new TreeSession(randomTree(1, 3)), options);
    expect(wrong).toThrow(ConfigError);
    expect(wrong).toThrow(/beamSize.*nBest.*lengthPenalty/);
    for (const maxNewTokens of [-1, 1.5, Number.NaN, [3, Number.POSITIVE_INFINITY]])
      expect(() => greedySearch(new TreeSession(randomTree(1, 3)), { bos, eos, maxNewTokens })).toThrow(
        'maxNewTokens: expected a whole number of at least 0',
      );
  });
});
