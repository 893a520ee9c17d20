/** What any right way of decoding several tokens at once does; each check throws when it does not. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { greedySearch } from '../../../src/generate/greedy.ts';
import { generate } from '../../../src/generate/language-model.ts';
import { LanguageModelSession } from '../../../src/generate/language-model-session.ts';
import { jacobiSearch } from '../../../src/generate/parallel/jacobi.ts';
import { speculativeSearch } from '../../../src/generate/parallel/speculative.ts';
import type { Module } from '../../../src/nn/module.ts';
import { countsOf, expectDrawnFrom } from '../chi-square.ts';
import { expectClose } from '../compare.ts';
import { gptLogits, tinyGpt } from '../gpts.ts';
import { enumerate, type NextLogits, randomTree, TreeSession } from '../tree-session.ts';

const [bos, eos] = [0, 1];

/** A model that agrees with another one on about four of five texts. */
export function almost(next: NextLogits, seed: number, vocabSize: number): NextLogits {
  const other = randomTree(seed + 1, vocabSize);
  return (prefix, text) => {
    const differs = (prefix.reduce((sum, id, i) => sum + (i + 1) * id, text) + seed) % 5 === 0;
    return differs ? other(prefix, text) : next(prefix, text);
  };
}

/** A text that depends on its last two tokens only, so that it runs into circles as a weak model's do. */
export function circling(seed: number, vocabSize: number): NextLogits {
  const tree = randomTree(seed, vocabSize);
  return (prefix, text) => tree(prefix.slice(-2), text);
}

/** Greedy texts with their probabilities, whatever is guessed, in no more passes than there are tokens. */
export function guessesChangeNothing(): void {
  const shape = fc.record({
    seed: fc.nat(1000),
    texts: fc.integer({ min: 1, max: 4 }),
    most: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 4, maxLength: 4 }),
    size: fc.integer({ min: 1, max: 6 }),
    prefix: fc.array(fc.integer({ min: 2, max: 5 }), { maxLength: 3 }),
  });
  fc.assert(
    fc.property(shape, ({ seed, texts, most, size, prefix }) => {
      const tree = circling(seed, 6);
      const options = {
        bos,
        eos,
        maxNewTokens: most,
        prefixes: [prefix],
        forbidden: [2],
        lengthPenalty: 0.6,
      };
      const wanted = greedySearch(new TreeSession(tree, texts), options);
      const session = () => new TreeSession(tree, texts);
      const draft = new TreeSession(almost(tree, seed, 6), texts);
      for (const { hypotheses, passes } of [
        jacobiSearch(session(), { ...options, blockSize: size }),
        speculativeSearch(session(), draft, { ...options, draftTokens: size }),
      ]) {
        expect(hypotheses.map(({ tokens, complete }) => ({ tokens, complete }))).toEqual(
          wanted.map(({ tokens, complete }) => ({ tokens, complete })),
        );
        const close = { rtol: 1e-12, atol: 1e-12 };
        expectClose(
          hypotheses.map(({ score }) => score),
          wanted.map(({ score }) => score),
          close,
          'scores',
        );
        const steps = Math.max(...wanted.map(({ tokens, complete }) => tokens.length + Number(complete)));
        expect(passes).toBeLessThanOrEqual(steps);
      }
    }),
    { numRuns: 60 },
  );
}

/** Drafted and drawn texts come as often as the large model alone would draw them. */
export function draftsDrawFromTheTarget(draws = 3000): void {
  const target: NextLogits = (prefix) => randomTree(5, 4)(prefix, 0).map((x) => x / 2);
  const small: NextLogits = (prefix) => randomTree(9, 4)(prefix, 0).map((x) => x / 2);
  const options = { bos, eos, maxNewTokens: 3 };
  const exact = new Map(
    enumerate((prefix, text) => target(prefix, text).map((x) => x / 0.8), { ...options, alpha: 0 }).map(
      ({ tokens, complete, logProb }) => [`${tokens} ${complete}`, Math.exp(logProb)],
    ),
  );
  for (const draftTokens of [1, 3]) {
    const { hypotheses, accepted, guessed } = speculativeSearch(
      new TreeSession(target, draws),
      new TreeSession(small, draws),
      { ...options, draftTokens, sample: { temperature: 0.8, seed: 11 } },
    );
    const counts = countsOf(hypotheses.map(({ tokens, complete }) => `${tokens} ${complete}`));
    expectDrawnFrom(counts, exact, `${draftTokens} drafted tokens`);
    expect(accepted).toBeGreaterThan(0);
    expect(accepted).toBeLessThan(guessed);
  }
}

/** A model whose every matrix is larger, so that it does not say the same token again and again. */
function louder<M extends Module>(model: M): M {
  for (const { data, shape } of model.parameters())
    if (shape.length > 1) for (let i = 0; i < data.length; i++) data[i]! *= 3;
  return model;
}

/** The same with a language model and its caches. */
export function guessesOfAModelChangeNothing(): void {
  const model = louder(tinyGpt({ maxSeqLen: 100 })).eval();
  const draft = louder(tinyGpt({ maxSeqLen: 100, numLayers: 1 })).eval();
  const texts = [
    [3, 5, 4],
    [7, 1, 2],
  ];
  const options = { bos: texts.map((text) => text.at(-1)!), eos: -1, maxNewTokens: 10 };
  const session = (of = model) => new LanguageModelSession(of, texts, 90);
  const greedy = greedySearch(session(), options);
  expect(new Set(greedy.flatMap(({ tokens }) => tokens)).size, 'different tokens').toBeGreaterThan(2);
  const drafted = speculativeSearch(session(), session(draft), options);
  const jacobi = jacobiSearch(session(), options);
  for (const { hypotheses, passes } of [drafted, jacobi]) {
    expect(hypotheses.map(({ tokens }) => tokens)).toEqual(greedy.map(({ tokens }) => tokens));
    const [own, wanted] = [hypotheses, greedy].map((texts) => texts.map(({ logProb }) => logProb));
    expectClose(own!, wanted!, { rtol: 1e-10, atol: 1e-10 }, 'log-probabilities');
    expect(passes).toBeLessThanOrEqual(10);
  }
}

/**
 * Texts that a small model drafts and a large one decides on come as often as the large model alone says, from its passes
 * over whole texts without caches; not as often as the small one says.
 */
export function draftsDrawFromTheModel(draws = 3000): void {
  const [vocabSize, temperature] = [5, 0.8];
  const model = louder(tinyGpt({ vocabSize })).eval();
  const draft = louder(tinyGpt({ vocabSize, numLayers: 1 }, 'reference', 4)).eval();
  const prompt = [3, 2, 4];
  const next =
    (of: typeof model): NextLogits =>
    (prefix) =>
      Array.from(
        gptLogits(of, [[...prompt.slice(0, -1), ...prefix]]).slice(-vocabSize),
        (logit) => logit / temperature,
      );
  const options = { bos: prompt.at(-1)!, eos: 1, maxNewTokens: 3 };
  const probabilities = (of: typeof model) =>
    new Map(
      enumerate(next(of), { ...options, alpha: 0 }).map(({ tokens, complete, logProb }) => [
        `${tokens} ${complete}`,
        Math.exp(logProb),
      ]),
    );
  const [exact, small] = [probabilities(model), probabilities(draft)];
  const apart = [...exact].reduce((sum, [text, p]) => sum + Math.abs(p - small.get(text)!) / 2, 0);
  expect(apart, 'distance of the two models').toBeGreaterThan(0.2);
  for (const draftTokens of [1, 3]) {
    const drawn = generate(
      model,
      Array.from({ length: draws }, () => prompt),
      {
        ...{ maxNewTokens: options.maxNewTokens, eos: options.eos, sample: { temperature, seed: 11 } },
        parallel: { kind: 'speculative', draft, draftTokens },
      },
    );
    const counts = countsOf(drawn.map(([best]) => `${best!.tokens} ${best!.complete}`));
    expectDrawnFrom(counts, exact, `${draftTokens} drafted tokens`);
    expect(() => expectDrawnFrom(counts, small)).toThrow();
  }
}
