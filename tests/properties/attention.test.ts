/** Attention: inventory E1–E3, E8, E10, E12, E13, E15, g6, g9–g11. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  attend,
  attention,
  ConfigError,
  capture,
  countOps,
  dotScore,
  matmul,
  noGrad,
  Random,
  reshape,
  type ScoreScale,
  scope,
  splitHeads,
  type Tensor,
  tensor,
} from '../../src/index.ts';
import { MultiHeadAttention, type MultiHeadAttentionOptions } from '../../src/nn/attention/multi-head.ts';
import {
  attentionAverages,
  columnsEqualRows,
  everyPositionSeesEveryOther,
  headsAreIndependent,
  headsEqualLoop,
} from '../support/checks/attention.ts';
import { encoderIsReachedThroughCrossAttention } from '../support/checks/model.ts';
import { itOnEachDevice } from '../support/devices.ts';
import { expectNear, leaf } from '../support/numbers.ts';
import { slowAttention, slowLinear } from '../support/slow.ts';

const layer = (options: MultiHeadAttentionOptions, seed = 1): MultiHeadAttention =>
  new MultiHeadAttention(options, { random: new Random(seed, 'attention'), device: 'reference' });

const small = (most: number): fc.Arbitrary<number> => fc.integer({ min: 1, max: most });

describe('soft lookup', () => {
  it('averages values, whatever the order of keys and values (E1)', attentionAverages);

  it('returns one value when one key matches far better (E1)', () => {
    const keys = tensor(
      [
        [
          [1, 0],
          [0, 1],
          [-1, 0],
        ],
      ],
      undefined,
      { device: 'reference' },
    );
    const values = tensor(
      [
        [
          [5, 6],
          [7, 8],
          [9, 10],
        ],
      ],
      undefined,
      { device: 'reference' },
    );
    const query = tensor([[[0, 1000]]], undefined, { device: 'reference' });
    expect(attend(query, keys, values, { score: dotScore }).output.toArray()).toEqual([[[7, 8]]]);
  });

  it('equals the op with one head, scaled or not (E2, E3, g10)', () => {
    fc.assert(
      fc.property(fc.nat(), small(4), small(4), small(3), (seed, queries, keys, width) => {
        const q = leaf([2, queries, width], seed, 'q');
        const [k, v] = [leaf([2, keys, width], seed, 'k'), leaf([2, keys, 2], seed, 'v')];
        const scaled = attention(q, k, v, null, { numHeads: 1 });
        expectNear(attend(q, k, v).output.data, scaled.data, 1e-13);
        const plain = attention(q, k, v, null, { numHeads: 1, scale: 1 });
        expectNear(attend(q, k, v, { score: dotScore }).output.data, plain.data, 1e-13);
      }),
    );
  });
});

/** Factors on dot products of heads of width D, as their sources say. */
const factors: Readonly<Record<ScoreScale, (D: number) => number>> = {
  sqrt: (D) => 1 / Math.sqrt(D),
  none: () => 1,
  linear: (D) => 1 / D,
  t5: () => 1, // what makes scores small is in the first values of its queries
};

/** A layer on few vectors, its projections and scores number by number. */
function scaledEqualsLoops(scale: ScoreScale, learnedScale: boolean, device: string): void {
  const size = fc.integer({ min: 1, max: 5 });
  fc.assert(
    fc.property(fc.nat(), size, size, small(3), small(4), (seed, queries, keys, numHeads, headDim) => {
      const [C, width] = [3, numHeads * headDim];
      const module = new MultiHeadAttention(
        { dModel: C, numHeads, headDim, scale, learnedScale },
        { random: new Random(seed, 'scales'), device },
      );
      const gains = leaf([numHeads], seed, 'gains').data.map((gain: number) => 2 * gain);
      module.scoreGain?.data.set(gains);
      const [x, memory] = [
        leaf([2, queries, C], seed, 'x', device),
        leaf([2, keys, C], seed, 'memory', device),
      ];
      const linear = ({ weight, bias }: { weight: Tensor; bias: Tensor | null }, of: ArrayLike<number>) =>
        slowLinear(of, weight.data, bias!.data);
      const query = linear(module.query, x.data).map((value, i) => {
        const head = Math.floor((i % width) / headDim);
        return value * factors[scale](headDim) * (learnedScale ? gains[head]! : 1);
      });
      const { output } = slowAttention(
        query,
        linear(module.key, memory.data),
        linear(module.value, memory.data),
        {
          ...{
            batch: 2,
            queries,
            keys,
            numHeads,
            numKvHeads: numHeads,
            headDim,
            valueDim: headDim,
            scale: 1,
          },
          sees: () => true,
        },
      );
      const fast = noGrad(() => scope(() => module.forward(x, memory).data.slice()));
      expectNear(fast, linear(module.output, output), device === 'reference' ? 1e-10 : 1e-5, 'context');
    }),
    { numRuns: 25 },
  );
}

describe.each(Object.keys(factors) as ScoreScale[])('scores with scale %s (E3)', (scale) => {
  itOnEachDevice('equal scalar loops', (device) => scaledEqualsLoops(scale, false, device));
  itOnEachDevice('times a learned factor of each head equal them too', (device) =>
    scaledEqualsLoops(scale, true, device),
  );
});

describe('heads', () => {
  it('by reshape equal heads by loop; one head is plain attention and W_O (E13)', headsEqualLoop);
  it('do not read each other', headsAreIndependent);

  it('split the channels in blocks: [T, H·D] to [H, T, D] (g6)', () => {
    const [length, heads, width] = [3, 2, 4];
    const x = tensor(
      Array.from({ length: length * heads * width }, (_, i) => i),
      [1, length, heads * width],
      { device: 'reference' },
    );
    const split = splitHeads(x, heads);
    expect(split.shape).toEqual([1, heads, length, width]);
    for (let h = 0; h < heads; h++) {
      for (let t = 0; t < length; t++) {
        for (let c = 0; c < width; c++) {
          expect(split.data[(h * length + t) * width + c]).toBe(t * heads * width + h * width + c);
        }
      }
    }
  });

  it('have the shapes of the drawing: [B, L, C], [B, H, L, L], [B, L, C] (g9)', () => {
    const module = layer({ dModel: 12, numHeads: 3 });
    const x = leaf([2, 5, 12], 1, 'x');
    const { result, tensors } = capture(module, ['scores', 'weights', 'context'], () => module.forward(x, x));
    expect(tensors.get('scores')!.shape).toEqual([2, 3, 5, 5]);
    expect(tensors.get('weights')!.shape).toEqual([2, 3, 5, 5]);
    expect(tensors.get('context')!.shape).toEqual([2, 5, 12]);
    expect(result.shape).toEqual([2, 5, 12]);
  });

  it('give the same output whether somebody looks inside or not', () => {
    const module = layer({ dModel: 8, numHeads: 2 });
    const x = leaf([1, 4, 8], 2, 'x');
    const { result } = capture(module, ['weights'], () => module.forward(x, x, { causal: true }));
    expectNear(result.data, module.forward(x, x, { causal: true }).data, 1e-14);
  });

  it('must divide the width (E13)', () => {
    expect(() => layer({ dModel: 10, numHeads: 3 })).toThrow(ConfigError);
    expect(() => layer({ dModel: 10, numHeads: 3 })).toThrow('numHeads could be 1, 2, 5, 10');
  });

  it('cost the same however many, at D = C / H (E15)', () => {
    const x = leaf([1, 6, 16], 1, 'x');
    const costs = [1, 2, 4, 8, 16].map((numHeads) => {
      const module = layer({ dModel: 16, numHeads });
      const { counts } = countOps(() => module.forward(x, x));
      return [counts.ops.get('matmul')!.flops, module.numParameters];
    });
    for (const cost of costs)
      expect(cost).toEqual([4 * 2 * 6 * 16 * 16 + 2 * 2 * 6 * 6 * 16, 4 * (16 * 16 + 16)]);
  });

  it('of any number and widths have the parameters and products of the formula (E15)', () => {
    fc.assert(
      fc.property(
        small(4),
        small(4),
        small(4),
        small(4),
        small(5),
        (heads, headDim, valueDim, queries, keys) => {
          const [C, M] = [7, 5];
          const module = layer({ dModel: C, numHeads: heads, headDim, valueDim, memoryWidth: M });
          const [qk, v] = [heads * headDim, heads * valueDim];
          expect(module.numParameters).toBe(C * qk + qk + M * qk + qk + M * v + v + v * C + C);
          const [x, memory] = [leaf([1, queries, C], 1, 'x'), leaf([1, keys, M], 1, 'memory')];
          const { result, counts } = countOps(() => module.forward(x, memory));
          expect(result.shape).toEqual([1, queries, C]);
          const products =
            queries * C * qk + keys * M * (qk + v) + queries * keys * (qk + v) + queries * v * C;
          expect(counts.ops.get('matmul')!.flops).toBe(2 * products);
        },
      ),
    );
  });
});

describe('self- and cross-attention', () => {
  it('rows and columns are transposes of each other (E8)', columnsEqualRows);
  it('without a causal mask sees in both directions (E12)', everyPositionSeesEveryOther);
  it('is the only way from the decoder to the encoder (E10)', encoderIsReachedThroughCrossAttention);

  it('takes keys and values from the memory, queries from x: softmax(ZQ (HK)ᵀ/√D) HV (g11)', () => {
    fc.assert(
      fc.property(fc.nat(), small(4), small(4), (seed, queries, keys) => {
        const module = layer({ dModel: 3, numHeads: 1, bias: false }, seed);
        const [z, h] = [leaf([1, queries, 3], seed, 'z'), leaf([1, keys, 3], seed, 'h')];
        const times = (x: Tensor, w: Tensor): Tensor => matmul(x, w, { transposeB: true });
        const parts = attend(
          times(z, module.query.weight),
          times(h, module.key.weight),
          times(h, module.value.weight),
        );
        const expected = times(reshape(parts.output, [1, queries, 3]), module.output.weight);
        expectNear(module.forward(z, h).data, expected.data, 1e-13);
      }),
    );
  });
});
