import { describe, expect, test } from 'vitest';
import { blockwiseEqualsGreedy, laterLossEqualsLoops } from '../../../tests/support/checks/blockwise.ts';
import { needDevice } from '../../../tests/support/devices.ts';
import { disturb } from '../../../tests/support/models.ts';
import { letterTokenizers, tinyTransformer } from '../../../tests/support/reversed-strings.ts';
import { trainOnPairs } from '../../../tests/support/train-pairs.ts';
import { Random } from '../../core/random.ts';
import { ConfigError } from '../../errors.ts';
import { Translator } from '../translator.ts';

const tokenizers = letterTokenizers();
const { eos } = tokenizers.target.specialTokens;

/** Letters, and each of them twice. */
function doubled(count: number, seed: number) {
  const random = new Random(seed, 'doubled');
  return Array.from({ length: count }, () => {
    const source = Array.from({ length: 3 + random.integer(5) }, () => 4 + random.integer(8));
    return { source, target: source.flatMap((id) => [id, id]) };
  });
}

describe('heads for later tokens (I19)', () => {
  test('learn from the labels that stand later in the same text', laterLossEqualsLoops);

  test('leave the model as it is without them', () => {
    const [plain, blockwise] = [{}, { blockwise: 3 }].map((config) => tinyTransformer({}, config).eval());
    const state = plain!.stateDict();
    expect([...blockwise!.stateDict().keys()].filter((path) => !state.has(path))).toHaveLength(8);
    expect([plain!.blockSize, blockwise!.blockSize]).toEqual([1, 3]);
  });

  test.for(['native', 'wasm'])('1000 prompts get the tokens of greedy decoding, on %s', (device, context) => {
    needDevice(context, device);
    const model = disturb(tinyTransformer({ device, seed: 8 }, { blockwise: 4 }), 1).eval();
    const prompts = doubled(1000, 1).map(({ source }) => [...source, eos]);
    for (let from = 0; from < prompts.length; from += 50) {
      const { greedy, blockwise } = blockwiseEqualsGreedy(model, prompts.slice(from, from + 50), 12);
      expect(blockwise).toBeLessThanOrEqual(greedy);
    }
  });

  test('trained, save more than half of the passes', { timeout: 120_000 }, (context) => {
    needDevice(context, 'native');
    const model = tinyTransformer({ device: 'native' }, { blockwise: 4, dModel: 32, dFf: 64, dropout: 0 });
    trainOnPairs(model, doubled(800, 2), tokenizers, 300, { learningRate: 0.01 });
    const prompts = doubled(100, 3).map(({ source }) => [...source, eos]);
    const { greedy, blockwise } = blockwiseEqualsGreedy(model, prompts, 20);
    expect(blockwise).toBeLessThan(greedy / 2);
  });

  test('are needed, and greedy', () => {
    const plain = new Translator(tinyTransformer(), tokenizers);
    const parallel = { kind: 'blockwise' } as const;
    expect(() => plain.translate(['abc'], { parallel })).toThrow(ConfigError);
    expect(() => plain.translate(['abc'], { parallel })).toThrow('heads for later tokens');
    const translator = new Translator(tinyTransformer({}, { blockwise: 2 }), tokenizers);
    expect(() => translator.translate(['abc'], { parallel, sample: {} })).toThrow('none with blockwise');
    const [guessed] = translator.translate(['abc'], { parallel });
    const [plainly] = translator.translate(['abc']);
    expect({ ...guessed!, score: 0, logProb: 0, nBest: [] }).toEqual({
      ...plainly!,
      score: 0,
      logProb: 0,
      nBest: [],
    });
    expect(() => tinyTransformer({}, { blockwise: 1 })).toThrow(
      'blockwise: expected a whole number of at least 2',
    );
    expect(() => tinyTransformer({}, { blockwise: 2, copy: true })).toThrow(
      'blockwise: expected none with copy',
    );
  });
});
