/** The non-autoregressive Transformer: what it computes, how many passes it needs, and what it cannot say. */
import { describe, expect, it, test } from 'vitest';
import { collate } from '../src/data/collate.ts';
import { Translator } from '../src/generate/translator.ts';
import { backward, full, type NonAutoregressive } from '../src/index.ts';
import type { EncoderDecoder } from '../src/models/encoder-decoder.ts';
import { withDropoutKeys } from '../src/nn/dropout-keys.ts';
import {
  decoderPasses,
  natIsAProductOverPlaces,
  natKinds,
  natLooksBothWays,
  natPairsDoNotMeet,
  natWritesTheLikeliest,
  tinyNat,
} from './support/checks/non-autoregressive.ts';
import { itOnEachDevice, needDevice } from './support/devices.ts';
import { encodePairs, letterTokenizers, reversedStrings } from './support/reversed-strings.ts';
import { meanLoss, trainOnPairs } from './support/train-pairs.ts';
import {
  bothAnswers,
  drawSources,
  mixedOf,
  natFor,
  outputsOf,
  transformerFor,
  withIterations,
} from './support/two-answers.ts';

const tokenizers = letterTokenizers();

describe('non-autoregressive Transformer (I17)', () => {
  itOnEachDevice('a pair is the same alone and beside others', natPairsDoNotMeet);
  itOnEachDevice('writes the likeliest token of every place in one pass', natWritesTheLikeliest);
  it('is a product over places and the length', natIsAProductOverPlaces);
  it('sees shown tokens on both sides (I18)', natLooksBothWays);

  it('moves every parameter in training', () => {
    for (const kind of natKinds) {
      const model = tinyNat(kind).train();
      const rows = (list: number[][]) => ({
        ids: Int32Array.from(list.flat()),
        lengths: list.map(({ length }) => length),
      });
      withDropoutKeys(1, 1, () => {
        const losses = model.losses(rows([[3, 4, 2]]), rows([[1, 5, 3]]), rows([[5, 3, 2]]), {
          labelSmoothing: 0.1,
          ignoreIndex: 0,
        });
        backward(losses, { grad: full(losses.shape, 1, { device: 'reference' }) });
      });
      for (const [path, { grad }] of model.namedParameters()) {
        const moves = grad !== undefined && Array.from(grad.data).some((g) => g !== 0);
        expect(moves || path.endsWith('key.bias'), path).toBe(true);
      }
    }
  });

  it('takes one pass for each candidate length and iteration (I18, K6)', () => {
    const source = collate([[3, 5, 4, 2]], { padId: 0 });
    const options = { limits: [8], bos: 1, eos: 2, forbidden: [0, 1], candidates: 3 };
    const refined = tinyNat({ masking: 'random', iterations: 4 });
    expect(decoderPasses(() => refined.writeWhole(source, { ...options, candidates: 1 }))).toBe(4);
    let found: ReturnType<NonAutoregressive['writeWhole']> = [];
    expect(decoderPasses(() => (found = tinyNat().writeWhole(source, options)))).toBe(3);
    const scores = found[0]!.map(({ logProb }) => logProb);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
  });

  it('refuses what does not go together', () => {
    expect(() => tinyNat({ length: 'end', masking: 'random' })).toThrow(
      'masking: expected all with length "end", got "random"',
    );
    expect(() => tinyNat({ iterations: 3 })).toThrow('iterations: expected 1 unless masking is "random"');
    const translator = new Translator(natFor('native'), tokenizers);
    for (const options of [{ sample: {} }, { prefixes: ['a'] }, { parallel: { kind: 'jacobi' } as const }])
      expect(() => translator.translate(['abc'], options)).toThrow('a model that writes all tokens at once');
  });
});

describe('learns (I17)', () => {
  test.for([
    ['the length', { length: 'predict' }],
    ['where to end', { length: 'end' }],
    ['to complete what it wrote (I18)', { length: 'predict', masking: 'random', iterations: 3 }],
  ] as const)('to say strings backwards, and %s', { timeout: 240_000 }, ([, config], context) => {
    needDevice(context, 'native');
    const all = reversedStrings(900, { seed: 5, shortest: 1, longest: 5 });
    const model = natFor('native', config);
    trainOnPairs(model, encodePairs(all.slice(0, 800), tokenizers), tokenizers, 700);
    const heldOut = all.slice(800);
    const found = new Translator(model, tokenizers).translate(heldOut.map(({ source }) => source));
    const right = found.filter(({ text }, i) => text === heldOut[i]!.target).length;
    expect(right).toBeGreaterThan(80);
  });
});

/** Two ways to say each source: forwards or backwards. */
describe('multi-modality', () => {
  const sources = drawSources(120, 3);
  const pairs = bothAnswers(sources);
  const STEPS = 500;
  const mixed = (model: EncoderDecoder): number => mixedOf(outputsOf(model, sources), sources);

  test('the loss is that of a choice for each token; what was learned by heart comes out mixed, but not from a teacher (I17, J16)', {
    timeout: 240_000,
  }, (context) => {
    needDevice(context, 'native');
    const teacher = transformerFor('native');
    trainOnPairs(teacher, pairs, tokenizers, STEPS);
    const loss = meanLoss(teacher, pairs, tokenizers);
    const said = outputsOf(teacher, sources);
    expect(mixedOf(said, sources), 'one token after the other').toBeLessThan(sources.length / 20);
    const alone = natFor('native');
    trainOnPairs(alone, pairs, tokenizers, STEPS);
    const parallelLoss = meanLoss(alone, pairs, tokenizers);
    expect(mixed(alone), 'in parallel').toBeGreaterThan(sources.length / 2);
    // Of six tokens one choice is left to the one; to the other four, as only the middle letter and the end are sure.
    expect(6 * loss).toBeLessThan(1.3 * Math.log(2));
    expect(6 * parallelLoss).toBeGreaterThan(0.99 * 4 * Math.log(2));
    const distilled = sources.map((source, i) => ({ source, target: tokenizers.target.encode(said[i]!) }));
    const student = natFor('native');
    trainOnPairs(student, distilled, tokenizers, STEPS);
    expect(mixed(student), 'in parallel, from the teacher').toBeLessThan(sources.length / 10);
  });

  test('every further pass of mask-predict mixes less; one token after the other does not mix (I18)', {
    timeout: 240_000,
  }, (context) => {
    needDevice(context, 'native');
    const trained = natFor('native', { masking: 'random' });
    trainOnPairs(trained, pairs, tokenizers, 2 * STEPS);
    const found = [1, 2, 5].map((iterations) => mixed(withIterations(trained, iterations)));
    expect(found[0], JSON.stringify(found)).toBeGreaterThan(sources.length / 2);
    expect(found[1], JSON.stringify(found)).toBeLessThan(0.9 * found[0]!);
    expect(found[2], JSON.stringify(found)).toBeLessThan(0.5 * found[0]!);
  });
});
