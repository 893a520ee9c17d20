import '../backends/register.ts';
import { describe, expect, test } from 'vitest';
import { expectClose } from '../../tests/support/compare.ts';
import { needDevice } from '../../tests/support/devices.ts';
import {
  encodePairs,
  letterTokenizers,
  reversedStrings,
  tinyTransformer,
} from '../../tests/support/reversed-strings.ts';
import { countOps } from '../core/counter.ts';
import { defaultDevice, getDevice } from '../core/device.ts';
import { noGrad } from '../core/tape.ts';
import { tensor } from '../core/tensor.ts';
import type { TokenPair } from '../data/batching.ts';
import { collate } from '../data/collate.ts';
import type { Transformer } from '../models/transformer.ts';
import { paddingMask } from '../nn/attention/masks.ts';
import { Adam } from './adam.ts';
import { epochBatches, makeBatch, type PairBatch, Seq2SeqObjective } from './seq2seq.ts';

const tokenizers = letterTokenizers();
const { bos, eos, pad } = tokenizers.target.specialTokens;
const exact = { rtol: 1e-12, atol: 1e-14 };

function batchOf(pairs: readonly TokenPair[]): PairBatch {
  return makeBatch(pairs, tokenizers);
}

function objective(model: Transformer, labelSmoothing = 0): Seq2SeqObjective {
  return new Seq2SeqObjective(model, { padId: pad, labelSmoothing });
}

function gradients(model: Transformer, labelSmoothing: number, batches: readonly PairBatch[]): Float64Array {
  const tokens = batches.reduce((total, { targetTokens }) => total + targetTokens, 0);
  model.zeroGrad();
  for (const batch of batches) objective(model, labelSmoothing).trainOn(batch, tokens);
  return Float64Array.from(model.parameters().flatMap(({ grad }) => [...grad!.data]));
}

/** Log-probabilities of every token after `prefix`, from a forward pass over that prefix alone. */
function nextLogProbs(model: Transformer, source: readonly number[], prefix: readonly number[]): number[] {
  const row = (ids: readonly number[]) =>
    tensor(Int32Array.from(ids), [1, ids.length], { dtype: 'int32', device: 'reference' });
  const { data, shape } = noGrad(() => model.forward(row(source), row(prefix)));
  const last = [...data].slice(-shape[2]!);
  const largest = Math.max(...last);
  const logSum = largest + Math.log(last.reduce((sum, x) => sum + Math.exp(x - largest), 0));
  return last.map((x) => x - logSum);
}

describe('teacher forcing', () => {
  const pairs = encodePairs(reversedStrings(5, { seed: 3 }), tokenizers);

  test('one pass gives the sum of the step by step losses, padded rows included', () => {
    const model = tinyTransformer();
    let total = 0;
    for (const { source, target } of pairs) {
      const labels = [...target, eos];
      for (const [t, label] of labels.entries())
        total -= nextLogProbs(model, [...source, eos], [bos, ...target.slice(0, t)])[label]!;
    }
    const { loss, tokens } = objective(model).evaluate(batchOf(pairs));
    expectClose([loss], [total], exact, 'loss');
    expect(tokens).toBe(pairs.reduce((sum, { target }) => sum + target.length + 1, 0));
  });

  test('label smoothing mixes in the uniform distribution, at real tokens only', () => {
    const model = tinyTransformer();
    const epsilon = 0.1;
    let total = 0;
    for (const { source, target } of pairs) {
      for (const [t, label] of [...target, eos].entries()) {
        const logProbs = nextLogProbs(model, [...source, eos], [bos, ...target.slice(0, t)]);
        const mean = logProbs.reduce((sum, x) => sum + x, 0) / logProbs.length;
        total -= (1 - epsilon) * logProbs[label]! + epsilon * mean;
      }
    }
    const { loss } = objective(model, epsilon).trainOn(batchOf(pairs), 1);
    expectClose([loss], [total], exact, 'smoothed loss');
  });

  test('the input is the target shifted right: begin token, target; labels: target, end token', () => {
    const { input, labels, source } = batchOf([{ source: [4, 5], target: [6, 7, 8] }]);
    expect([...input.ids]).toEqual([bos, 6, 7, 8]);
    expect([...labels.ids]).toEqual([6, 7, 8, eos]);
    expect([...source.ids]).toEqual([4, 5, eos]);
  });
});

describe('packed batches', () => {
  const [short, long] = encodePairs(
    [
      { source: 'ab', target: 'ba' },
      { source: 'abcdefgh', target: 'hgfedcba' },
    ],
    tokenizers,
  ) as [TokenPair, TokenPair];

  test('give the loss and the gradients of each pair alone, with label smoothing', () => {
    const model = tinyTransformer();
    const tokens = short.target.length + long.target.length + 2;
    const together = gradients(model, 0.1, [batchOf([short, long])]);
    const packed = objective(model, 0.1).trainOn(batchOf([short, long]), tokens).loss;
    const alone = [short, long].map((pair) => objective(model, 0.1).trainOn(batchOf([pair]), tokens).loss);
    expectClose([packed], [alone[0]! + alone[1]!], exact, 'loss');
    expectClose(together, gradients(model, 0.1, [batchOf([short]), batchOf([long])]), {
      rtol: 1e-10,
      atol: 1e-14,
    });
  });

  test('multiply no row of padding: as many operations as of each pair alone', (context) => {
    needDevice(context, 'native');
    const model = tinyTransformer({ device: 'native' });
    const products = (...batch: TokenPair[]): number => {
      const { ops } = countOps(() => objective(model, 0.1).trainOn(batchOf(batch), 20)).counts;
      return ops.get('linear')!.flops + ops.get('matmul')!.flops;
    };
    expect(products(short, long, short)).toBe(2 * products(short) + products(long));
  });

  test('give the logits of padded ones', () => {
    for (const position of ['sinusoidal', 'learned', 'none'] as const) {
      const model = tinyTransformer({ device: 'reference' }, { position });
      const { source, input } = batchOf([short, long, short]);
      const padded = (ids: Int32Array, lengths: ArrayLike<number>): ReturnType<typeof collate> => {
        let at = 0;
        return collate(
          Array.from(lengths, (length) => [...ids.slice(at, (at += length))]),
          { padId: pad },
        );
      };
      const [from, to] = [padded(source.ids, source.lengths), padded(input.ids, input.lengths)];
      const ids = ({ ids, batch, length }: typeof from) =>
        tensor(ids, [batch, length], { dtype: 'int32', device: 'reference' });
      const hidden = paddingMask(from.mask, from.batch, from.length, { device: getDevice('reference') });
      const [wide, packed] = noGrad(() => [
        model.forward(ids(from), ids(to), hidden),
        model.forwardPacked(source, input),
      ]);
      const width = wide!.shape[2]!;
      const real = Array.from(to.mask).flatMap((isToken, i) =>
        isToken ? [...wide!.data.slice(i * width, (i + 1) * width)] : [],
      );
      expectClose(packed!.data, real, { rtol: 1e-11, atol: 1e-13 }, position);
    }
  });

  test('refuse a sequence longer than the table of positions', () => {
    const model = tinyTransformer({}, { maxSeqLen: 4 });
    expect(() => objective(model).evaluate(batchOf([short, long]))).toThrow(
      'SinusoidalPosition: expected at most 4 positions (maxSeqLen), got 9',
    );
  });
});

describe('gradient accumulation', () => {
  const pairs = encodePairs(reversedStrings(12, { seed: 4 }), tokenizers);
  for (const [device, tolerance] of [
    ['reference', { rtol: 1e-12, atol: 1e-14 }],
    ['native', { rtol: 1e-4, atol: 1e-6 }],
  ] as const) {
    test(`micro-batches of any size add up to one batch on ${device}`, () => {
      const model = tinyTransformer({ device });
      const whole = gradients(model, 0.1, [batchOf(pairs)]);
      for (const cuts of [
        [4, 4, 4],
        [1, 11],
        [5, 2, 5],
      ]) {
        let at = 0;
        const parts = cuts.map((size) => batchOf(pairs.slice(at, (at += size))));
        expectClose(gradients(model, 0.1, parts), whole, tolerance, `parts of ${cuts}`);
      }
    });
  }
});

test('the initial loss is near the logarithm of the vocabulary size', () => {
  const pairs = encodePairs(reversedStrings(60, { seed: 5 }), tokenizers);
  for (const seed of [1, 2, 3]) {
    const model = tinyTransformer({ seed }, { targetVocabSize: 500, dModel: 64, numHeads: 4 });
    const { loss, tokens } = objective(model).evaluate(batchOf(pairs));
    expect(Math.abs(loss / tokens / Math.log(500) - 1)).toBeLessThan(0.03);
  }
});

test('one batch can be learned by heart: loss below 1e-3', () => {
  const model = tinyTransformer({ device: defaultDevice().name }, { dModel: 32, dFf: 64 });
  const batch = batchOf(encodePairs(reversedStrings(8, { seed: 6 }), tokenizers));
  const adam = new Adam(model.namedParameters());
  const train = objective(model);
  for (let step = 0; step < 250; step++) {
    train.trainOn(batch, batch.targetTokens);
    adam.step(0.005);
    model.zeroGrad();
  }
  const { loss, tokens } = train.evaluate(batch);
  expect(loss / tokens).toBeLessThan(1e-3);
});

test('an epoch takes every pair once, counts the end tokens, and depends on seed and epoch only', () => {
  const pairs = encodePairs(reversedStrings(60, { seed: 7 }), tokenizers);
  const batches = (seed: number, epoch: number) =>
    epochBatches(pairs, { maxTokens: 40 }, { seed, epoch, shuffle: true });
  expect(
    batches(1, 0)
      .flat()
      .toSorted((a, b) => a - b),
  ).toEqual(pairs.map((_, i) => i));
  for (const places of batches(1, 0)) {
    const { source, labels } = batchOf(places.map((i) => pairs[i]!));
    expect(Math.max(source.ids.length, labels.ids.length)).toBeLessThanOrEqual(40);
  }
  expect(batches(1, 0)).toEqual(batches(1, 0));
  expect(batches(1, 1)).not.toEqual(batches(1, 0));
  expect(batches(2, 0)).not.toEqual(batches(1, 0));
});
