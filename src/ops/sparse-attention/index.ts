/**
 * Attention along a sparse graph: each query sees the keys of a list, and only these cost anything.
 *
 * Papers: Child et al., Generating Long Sequences with Sparse Transformers, 2019, https://arxiv.org/abs/1904.10509;
 * Zaheer et al., Big Bird, 2020, https://arxiv.org/abs/2007.14062
 */
import type { KernelCall } from '../../core/device.ts';
import { defineOp, expectType, type Sample } from '../../core/op.ts';
import {
  broadcastShapes,
  broadcastStrides,
  formatShape,
  type Shape,
  stridedOffsets,
} from '../../core/shape.ts';
import { type Tensor, tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import {
  type AttentionOptions,
  attentionParams,
  checkMask,
  checkShapes,
  gradientMemory,
  kernelInts,
} from '../attention/index.ts';
import { type AttentionParams, attentionParts } from '../attention/reference.ts';
import { denseMask, SparsePattern } from './pattern.ts';

interface SparseParams extends AttentionParams {
  /** Pairs of a query and a key that it sees, for the counter. */
  readonly pairs: number;
}

type SparseInputs = readonly [
  query: Tensor,
  key: Tensor,
  value: Tensor,
  mask: Tensor | null,
  runs: Tensor,
  ranges: Tensor,
];

const plain: AttentionParams = {
  ...{ numHeads: 2, numKvHeads: 2, scale: 0.5, causal: false, causalOffset: 0, window: null, keyLength: 5 },
  ...{ p: 0, key: [1, 2] as const },
};
/** Query 0 sees all five keys, 1–2 the first and the last two, 3 nothing, 4 its own. */
const small = new SparsePattern(
  [
    { queries: 1, ranges: [[0, 5]] },
    {
      queries: 2,
      ranges: [
        [0, 1],
        [3, 5],
      ],
    },
    { queries: 1, ranges: [] },
    { queries: 1, ranges: [[4, 5]] },
  ],
  5,
);
/** 130 queries in runs of 13, which see a tenth each of 300 keys and a few at random places. */
const large = new SparsePattern(
  Array.from({ length: 10 }, (_, i) => ({
    queries: 13,
    ranges: [
      [i, i + 1],
      [20, 20 + 27 * i + 3],
      [295, 300],
    ] as const,
  })),
  300,
);
const padding = { shape: [2, 1, 1, 5], values: [1, 1, 1, 1, 0, 1, 1, 0, 0, 0], dtype: 'bool' } as const;
const perHead = {
  shape: [1, 4, 5, 5],
  values: Array.from({ length: 100 }, (_, i) => Number(i % 7 !== 3)),
  dtype: 'bool',
} as const;

function sample(
  pattern: SparsePattern,
  inputs: Sample<SparseParams>['inputs'],
  params: Partial<AttentionParams>,
  note: string,
): Sample<SparseParams> {
  const { keys, runs, ranges, pairs } = pattern;
  const ints = (values: Int32Array) =>
    ({ shape: [2, values.length / 2], values: [...values], dtype: 'int32' }) as const;
  return {
    inputs: [...inputs, ints(runs), ints(ranges)],
    params: { ...plain, keyLength: keys, ...params, pairs },
    note,
  };
}

const samples: readonly Sample<SparseParams>[] = [
  sample(small, [[2, 5, 8], [2, 5, 8], [2, 5, 8], null], {}, 'a query that sees nothing'),
  sample(small, [[2, 5, 8], [2, 5, 8], [2, 5, 8], padding], { p: 0.3 }, 'padding and dropout'),
  sample(small, [[1, 5, 12], [1, 5, 6], [1, 5, 10], perHead], { numHeads: 4, p: 0.1 }, 'grouped heads'),
  sample(small, [[1, 5, 8], [1, 5, 8], [1, 5, 8], null], { causal: true }, 'causal'),
  sample(small, [[1, 5, 8], [1, 5, 8], [1, 5, 8], null], { window: [1, 2] }, 'within a window'),
  sample(large, [[1, 130, 4], [1, 300, 4], [1, 300, 4], null], { p: 0.2 }, 'more than a block of keys'),
  sample(new SparsePattern([], 3), [[2, 0, 8], [2, 3, 8], [2, 3, 8], null], {}, 'no query'),
];

function patternMask([query, , , , runs, ranges]: SparseInputs, keys: number): Tensor {
  const shape = [1, 1, query.shape[1]!, keys];
  return tensor(denseMask(runs.data, ranges.data, keys), shape, { dtype: 'bool', device: query.device });
}

/** True where both masks are. */
function both(a: Tensor, b: Tensor): Tensor {
  const shape = broadcastShapes('sparseAttention', a.shape, b.shape);
  const [fromA, fromB] = [a, b].map((x) => stridedOffsets(shape, broadcastStrides(x.shape, shape)));
  const bits = Uint8Array.from(fromA!, (at, i) => a.data[at]! & b.data[fromB![i]!]!);
  return tensor(bits, shape, { dtype: 'bool', device: a.device });
}

function checkPattern(runs: Shape, ranges: Shape): void {
  if (runs.length === 2 && runs[0] === 2 && runs[1]! >= 1 && ranges.length === 2 && ranges[0] === 2) return;
  throw new ShapeError({
    where: 'sparseAttention',
    expected: 'runs [2, R + 1] and ranges [2, M]',
    got: `${formatShape(runs)} and ${formatShape(ranges)}`,
    hint: 'make them with SparsePattern',
  });
}

function launchInts([query, key, value, mask, runs]: SparseInputs, params: SparseParams): number[] {
  return [...kernelInts([query, key, value, mask, null], params), runs.shape[1]! - 1];
}

const op = defineOp<SparseInputs, SparseParams>({
  name: 'sparseAttention',
  samples,
  shape: ([query, key, value, mask, runs, ranges], params) => {
    checkShapes([query, key, value], params);
    checkPattern(runs, ranges);
    if (mask) checkMask(mask, query[0]!, query[1]!, params);
    return [query[0]!, query[1]!, (value[2]! / params.numKvHeads) * params.numHeads];
  },
  flops: ([query, , value], { numHeads, numKvHeads, pairs }) =>
    query[0]! * pairs * (2 * query[2]! + (2 * value[2]! * numHeads) / numKvHeads + 5 * numHeads),
  reference: (inputs, params) => {
    const [query, key, value, mask] = inputs;
    const seen = patternMask(inputs, params.keyLength);
    return attentionParts(query, key, value, mask ? both(mask, seen) : seen, params).output;
  },
  kernel: {
    names: ['sparse_attention', 'sparse_attention_backward'],
    saved: ([query], { numHeads }) => [{ shape: [query[0]!, numHeads, query[1]!], dtype: 'float' }],
    forward: ({ inputs, output, saved, params }): KernelCall => {
      const [query, , value, , runs] = inputs;
      const items = query.shape[0]! * params.numHeads * (runs.shape[1]! - 1);
      return {
        name: 'sparse_attention',
        tensors: [output.data, saved[0]!.data, ...inputs.map((input) => input?.data ?? null)],
        ints: launchInts(inputs, params),
        floats: [params.scale, params.p],
        items,
        workPerItem:
          (query.shape[0]! * params.pairs * (query.shape[2]! + value.shape[2]!)) / Math.max(1, items),
      };
    },
    backward: ({ inputs, output, saved, grad, inputGrads, params }): KernelCall => ({
      name: 'sparse_attention_backward',
      tensors: [
        ...[0, 1, 2].map((i) => gradientMemory(inputs[i]!, inputGrads[i] ?? null, params)),
        ...inputs.map((input) => input?.data ?? null),
        output.data,
        saved[0]!.data,
        grad.data,
      ],
      ints: launchInts(inputs, params),
      floats: [params.scale, params.p],
      items: inputs[0].shape[0]! * params.numKvHeads,
      workPerItem: (4 * params.pairs * (inputs[0].shape[2]! + inputs[2].shape[2]!)) / params.numKvHeads,
    }),
  },
});

/** Options of `sparseAttention`: causal rule and window hide more of what the pattern shows. */
export type SparseAttentionOptions = Omit<AttentionOptions, 'segments'>;

/**
 * `attention` in which query t sees only the keys that the pattern gives it: the same numbers as with the pattern as a
 * mask, in time O(pairs · D) and memory O(T + S + ranges).
 *
 * @param query - `[B, T, H·D]`
 * @param key - `[B, S, K·D]`
 * @param value - `[B, S, K·Dv]`
 * @param pattern - of T queries and S keys, the same for every batch entry and head
 * @param mask - bool `[B|1, H|1, T|1, S]`, true where a key may be attended to, or null
 * @returns `[B, T, H·Dv]`; zeros for a query that sees nothing
 * @throws {ShapeError} when a shape does not fit, or the pattern has other numbers of queries and keys
 * @throws {ConfigError} when heads, dropout or the window cannot be used
 * @example
 * sparseAttention(q, k, v, sparsePattern([4096], { window: 128, globals: 2 }), null, { numHeads: 8 });
 */
export function sparseAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  pattern: SparsePattern,
  mask: Tensor | null,
  options: SparseAttentionOptions,
): Tensor {
  if (mask) expectType('sparseAttention', 'mask', mask, 'bool');
  const params = attentionParams(query, key, options);
  const { queries, keys, pairs } = pattern;
  if (queries !== query.shape[1] || keys !== params.keyLength) {
    throw new ShapeError({
      where: 'sparseAttention',
      expected: `a pattern of ${query.shape[1]} queries and ${params.keyLength} keys`,
      got: `one of ${queries} and ${keys}`,
    });
  }
  const [runs, ranges] = [pattern.runs, pattern.ranges].map((values) =>
    tensor(values, [2, values.length / 2], { dtype: 'int32', device: query.device }),
  );
  return op(query, key, value, mask, runs!, ranges!, { ...params, pairs });
}
