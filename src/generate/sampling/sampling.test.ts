import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  drawsDoNotDependOnTheBatch,
  drawsFollowTheProbabilities,
} from '../../../tests/support/checks/sampling.ts';
import { expectClose } from '../../../tests/support/compare.ts';
import { needOracle } from '../../../tests/support/stored-oracle.ts';
import { type NextLogits, randomTree, TreeSession } from '../../../tests/support/tree-session.ts';
import { ConfigError } from '../../errors.ts';
import { greedySearch } from '../greedy.ts';
import { type SampleOptions, sampleSearch } from '../sample.ts';
import { drawFrom, probabilitiesOf } from './distribution.ts';
import type { SamplingOptions } from './options.ts';
import {
  cutBelowEpsilon,
  cutBelowEta,
  divideByTemperature,
  forbidEarlyEnd,
  forbidRepeatedNgrams,
  keepMinP,
  keepTopK,
  keepTopP,
  keepTypical,
  type LogitsProcessor,
  penalizeOccurrences,
  penalizeRepetition,
} from './processors.ts';

const recorded: Readonly<Record<string, LogitsProcessor>> = {
  'temperature_0.7': divideByTemperature(0.7),
  top_k_5: keepTopK(5),
  'top_p_0.8': keepTopP(0.8),
  'top_p_0.3_min_keep_3': keepTopP(0.3, 3),
  'min_p_0.1': keepMinP(0.1),
  'typical_0.6': keepTypical(0.6),
  'epsilon_0.02': cutBelowEpsilon(0.02),
  'eta_0.02': cutBelowEta(0.02),
  'repetition_1.4': penalizeRepetition(1.4),
  no_repeat_ngram_2: forbidRepeatedNgrams(2),
  min_length_10_eos_3: forbidEarlyEnd(10, 3),
};

describe('processors (K4)', () => {
  for (const [name, process] of Object.entries(recorded)) {
    test(`give the recorded logits: ${name}`, (context) => {
      const oracle = needOracle(context, 'oracles/modules/logits_processors.safetensors');
      const [scores, ids, wanted] = ['in.scores', 'in.input_ids', `out.${name}`].map(oracle);
      const [rows, width] = scores!.shape as [number, number];
      for (let row = 0; row < rows; row++) {
        const logits = Float64Array.from(scores!.data.subarray(row * width, (row + 1) * width));
        process(logits, Array.from(ids!.data.subarray(row * 8, (row + 1) * 8), Number), 0);
        const expected = wanted!.data.subarray(row * width, (row + 1) * width);
        expectClose(logits, expected, { rtol: 1e-12, atol: 1e-12 }, `row ${row}`);
      }
    });
  }

  test('presence counts once, frequency each time', () => {
    const logits = Float64Array.of(1, 1, 1, -2);
    penalizeOccurrences(0.5, 0.25)(logits, [1, 3, 1], 0);
    expect([...logits]).toEqual([1, 0, 1, -2.75]);
  });

  test('the nucleus is the smallest set of likely tokens that has the probability', () => {
    const values = fc.array(fc.double({ min: -8, max: 8, noNaN: true }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(values, fc.double({ min: 0.01, max: 1, noNaN: true }), (list, p) => {
        const logits = Float64Array.from(list);
        const probs = [...probabilitiesOf(logits)];
        keepTopP(p)(logits, [], 0);
        const kept = probs.filter((_, id) => logits[id]! > Number.NEGATIVE_INFINITY);
        const cut = probs.filter((_, id) => logits[id] === Number.NEGATIVE_INFINITY);
        const mass = kept.reduce((a, b) => a + b, 0);
        expect(mass).toBeGreaterThanOrEqual(p - 1e-12);
        expect(mass - Math.min(...kept)).toBeLessThan(p);
        expect(Math.min(...kept)).toBeGreaterThanOrEqual(Math.max(0, ...cut));
      }),
    );
  });

  test('whatever is asked for, a token is left, also of one', () => {
    const all = [
      keepTopK(1),
      keepTopP(0.001),
      keepMinP(1),
      keepTypical(0.001),
      cutBelowEpsilon(1),
      cutBelowEta(1),
    ];
    for (const logits of [[3], [0, 0, 0], [Number.NEGATIVE_INFINITY, 2, 1]]) {
      for (const process of all) {
        const row = Float64Array.from(logits);
        process(row, [], 0);
        expect([...row].some((x) => x > Number.NEGATIVE_INFINITY)).toBe(true);
      }
    }
  });

  test('a draw never takes what has no probability, also at the ends of [0, 1)', () => {
    const weights = Float64Array.of(0, 0.25, 0, 0.75, 0);
    expect([0, 0.2499, 0.25, 1 - 2 ** -53].map((u) => drawFrom(weights, u))).toEqual([1, 1, 3, 3]);
  });
});

describe('sampling (K4)', () => {
  test('draws whole texts by their exact probabilities', () => drawsFollowTheProbabilities());
  test('draws a text alike in any batch', () => drawsDoNotDependOnTheBatch());

  const limits = { bos: 0, eos: 1, maxNewTokens: 6 };

  test('towards temperature 0 is greedy; so is the likeliest token alone', () => {
    const ways: SampleOptions[] = [
      { temperature: 0 },
      { temperature: 1e-4 },
      { topK: 1 },
      { topP: 1e-9 },
    ].map((way) => ({ ...limits, ...way }));
    for (let seed = 0; seed < 30; seed++) {
      const tree = randomTree(seed, 7);
      const wanted = greedySearch(new TreeSession(tree, 3), limits);
      for (const way of ways) {
        const found = sampleSearch(new TreeSession(tree, 3), { ...way, seed });
        expect(found.map(([best]) => best)).toEqual(wanted);
      }
    }
  });

  test('keeps to prefixes, limits, forbidden ids and the shortest length', () => {
    const tree = randomTree(4, 6);
    const options = { ...limits, maxNewTokens: [3, 0, 8], prefixes: [[2, 4], [], [5]], forbidden: [3] };
    const found = sampleSearch(new TreeSession(tree, 3), { ...options, minNewTokens: 2, nBest: 50, seed: 1 });
    expect(found.map((draws) => draws.length)).toEqual([50, 50, 50]);
    for (const { tokens } of found[0]!) expect(tokens.slice(0, 2)).toEqual([2, 4]);
    for (const { tokens, complete } of found[1]!)
      expect({ tokens, complete }).toEqual({ tokens: [], complete: false });
    for (const { tokens } of found.flat()) expect(tokens).not.toContain(3);
    for (const { tokens } of found[2]!) expect(tokens.length).toBeGreaterThanOrEqual(2);
    expect(Math.max(...found[0]!.map(({ tokens }) => tokens.length))).toBeLessThanOrEqual(3);
  });

  test("logProb is the model's own, whatever the temperature", () => {
    const fair: NextLogits = () => [Math.log(0.5), Math.log(0.25), Math.log(0.25)];
    const [draws] = sampleSearch(new TreeSession(fair), { ...limits, temperature: 3, nBest: 40, seed: 2 });
    for (const { tokens, complete, logProb } of draws!) {
      const steps = [...tokens, ...(complete ? [1] : [])];
      expectClose([logProb], [steps.reduce((sum, id) => sum + Math.log(id === 0 ? 0.5 : 0.25), 0)], {
        rtol: 1e-12,
        atol: 1e-12,
      });
    }
  });

  test('every option that cannot be used is listed', () => {
    const wrong: Required<SamplingOptions> = {
      ...{
        temperature: -1,
        topK: 0,
        topP: 0,
        minP: 2,
        typicalP: 1.5,
        epsilonCutoff: -1,
        etaCutoff: Number.NaN,
      },
      ...{ repetitionPenalty: 0, presencePenalty: Number.NaN, frequencyPenalty: Number.POSITIVE_INFINITY },
      ...{ noRepeatNgramSize: 1.5, minNewTokens: -1, seed: 0.5 },
    };
    const run = (): unknown => sampleSearch(new TreeSession(randomTree(1, 4)), { ...limits, ...wrong });
    expect(run).toThrow(ConfigError);
    for (const field of Object.keys(wrong)) expect(run).toThrow(`${field}: expected a`);
    const none = (): unknown => sampleSearch(new TreeSession(randomTree(1, 4)), { ...limits, nBest: 0 });
    expect(none).toThrow('nBest: expected a whole number of at least 1, got 0');
  });
});
