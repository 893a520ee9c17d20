/**
 * Linear attention: a kernel φ takes the place of the exponential, so that sums over keys can be made once.
 *
 * `out_t = Σ_s φ(q_t)·φ(k_s) v_s / Σ_s φ(q_t)·φ(k_s)` with `φ(x) = elu(x) + 1`.
 *
 * Paper: Katharopoulos et al., Transformers are RNNs, 2020, https://arxiv.org/abs/2006.16236
 */
import type { KernelCall } from '../../core/device.ts';
import { defineOp, expectType, type Sample } from '../../core/op.ts';
import type { Shape } from '../../core/shape.ts';
import { type Tensor, tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import {
  type AttentionOptions,
  attentionParams,
  checkCover,
  checkMask,
  checkSegments,
  checkShapes,
  gradientMemory,
  kernelInts,
} from '../attention/index.ts';
import {
  type AttentionParams,
  type AttentionParts,
  mergeHeads,
  splitHeads,
  structureMask,
} from '../attention/reference.ts';
import { add, div, maximum, minimum } from '../elementwise/binary.ts';
import { exp } from '../elementwise/unary.ts';
import { matmul } from '../matmul/index.ts';
import { sum } from '../reduce/sum.ts';
import { reshape } from '../shape/reshape.ts';
import { keepWhere } from '../where/index.ts';

type LinearInputs = readonly [
  query: Tensor,
  key: Tensor,
  value: Tensor,
  mask: Tensor | null,
  segments: Tensor | null,
];

const plain: AttentionParams = {
  ...{ numHeads: 2, numKvHeads: 2, scale: 1, causal: false, causalOffset: 0, window: null, keyLength: 5 },
  ...{ p: 0, key: [0, 0] as const },
};
const padding = { shape: [2, 1, 1, 5], values: [1, 1, 1, 1, 0, 0, 0, 0, 0, 0], dtype: 'bool' } as const;
/** Queries 0–1, none, 2–5; keys 0–2, none, 3–4. */
const segments = { shape: [2, 4], values: [0, 2, 2, 6, 0, 3, 3, 5], dtype: 'int32' } as const;
const causalSegments = { shape: [2, 4], values: [0, 2, 2, 5, 0, 2, 2, 5], dtype: 'int32' } as const;

const samples: readonly Sample<AttentionParams>[] = [
  { inputs: [[2, 3, 8], [2, 5, 8], [2, 5, 8], null, null], params: plain },
  { inputs: [[2, 3, 8], [2, 5, 8], [2, 5, 8], padding, null], params: plain, note: 'padding, a row of it' },
  { inputs: [[2, 5, 8], [2, 5, 8], [2, 5, 8], null, null], params: { ...plain, causal: true } },
  {
    inputs: [[2, 5, 8], [2, 5, 8], [2, 5, 8], padding, null],
    params: { ...plain, causal: true },
    note: 'causal, padded',
  },
  {
    inputs: [[1, 131, 12], [1, 131, 6], [1, 131, 10], null, null],
    params: { ...plain, numHeads: 4, causal: true, keyLength: 131 },
    note: 'chunks, grouped heads, value width apart',
  },
  {
    inputs: [[1, 70, 34], [1, 67, 34], [1, 67, 34], null, null],
    params: { ...plain, keyLength: 67 },
    note: 'odd sizes',
  },
  { inputs: [[1, 6, 12], [1, 5, 6], [1, 5, 10], null, segments], params: { ...plain, numHeads: 4 } },
  {
    inputs: [[1, 5, 8], [1, 5, 8], [1, 5, 8], null, causalSegments],
    params: { ...plain, causal: true },
    note: 'causal sequences in a row, one of them empty',
  },
  { inputs: [[1, 0, 4], [1, 2, 4], [1, 2, 4], null, null], params: { ...plain, keyLength: 2 } },
  {
    inputs: [
      { shape: [1, 2, 2], values: [-30, 40, 0, -1] },
      { shape: [1, 2, 2], values: [-20, 3, 50, -60] },
      [1, 2, 2],
      null,
      null,
    ],
    params: { ...plain, keyLength: 2 },
    note: 'far from 0',
  },
];

/** `elu(x) + 1 = e^min(x, 0) + max(x, 0)`, positive everywhere. */
export function featureMap(x: Tensor): Tensor {
  const zero = tensor([0], [1], { device: x.device });
  return add(exp(minimum(x, zero)), maximum(x, zero)); // at 0 both give half of the gradient, 1
}

/** `φ(q)·φ(k)` of every pair, 0 where it is hidden, `[B, H, T, S]`. */
function weightsOf([query, key, , mask, segments]: LinearInputs, params: AttentionParams): Tensor {
  const { numHeads, numKvHeads } = params;
  const [batch, queries, width] = query.shape as [number, number, number];
  const rows = (numHeads / numKvHeads) * queries;
  const q = reshape(splitHeads(featureMap(query), numHeads), [batch, numKvHeads, rows, width / numHeads]);
  const products = matmul(q, splitHeads(featureMap(key), numKvHeads), { transposeB: true });
  const weights = reshape(products, [batch, numHeads, queries, key.shape[1]!]);
  const unpadded = mask ? keepWhere(weights, mask, 0) : weights;
  const allowed = structureMask(segments, params, query);
  return allowed ? keepWhere(unpadded, allowed, 0) : unpadded;
}

/** Sums of rows, with 1 for 0, so that a query which sees nothing gets 0. */
function divisors(weights: Tensor): Tensor {
  const totals = sum(weights, { axes: [-1], keepDims: true });
  const positive = Uint8Array.from(totals.data, (total) => Number(total !== 0));
  return keepWhere(totals, tensor(positive, totals.shape, { dtype: 'bool', device: totals.device }), 1);
}

function composed(inputs: LinearInputs, params: AttentionParams): AttentionParts {
  const [query, , value] = inputs;
  const { numHeads, numKvHeads } = params;
  const [batch, queries] = query.shape as [number, number];
  const scores = weightsOf(inputs, params);
  const weights = div(scores, divisors(scores));
  const rows = reshape(weights, [batch, numKvHeads, (numHeads / numKvHeads) * queries, value.shape[1]!]);
  const context = matmul(rows, splitHeads(value, numKvHeads));
  const output = mergeHeads(reshape(context, [batch, numHeads, queries, value.shape[2]! / numKvHeads]));
  return { scores, weights, dropped: weights, output };
}

function checkLengths([query, key]: readonly Shape[], { causal, keyLength }: AttentionParams): void {
  if (keyLength === key![1] && (!causal || query![1] === key![1])) return;
  throw new ShapeError({
    where: 'linearAttention',
    expected: causal ? `as many keys as queries (${query![1]}), because it is causal` : 'all keys',
    got: String(keyLength),
    hint: 'linearAttentionStep continues a sequence',
  });
}

/** Tokens that the kernels compute side by side; what is before them is in the state. */
const CHUNK = 64;

/** Sequences, each with its own keys. */
function sequencesOf(query: Shape, segments: Shape | null): number {
  return segments ? segments[1]! - 1 : query[0]!;
}

function flops(
  [query, key, value, , segments]: readonly (Shape | null)[],
  { numHeads, numKvHeads, causal }: AttentionParams,
): number {
  const [D, E] = [query![2]! / numHeads, value![2]! / numKvHeads + 1];
  const [T, S] = [query![0]! * query![1]!, key![0]! * key![1]!];
  const length = T / Math.max(1, sequencesOf(query!, segments!));
  const state = 2 * D * E * (T + S) * numHeads;
  return state + (causal ? 2 * (D + E) * T * Math.min(CHUNK, length) * numHeads : 0);
}

const op = defineOp<LinearInputs, AttentionParams>({
  name: 'linearAttention',
  samples,
  shape: ([query, key, value, mask, segments], params) => {
    checkShapes([query, key, value], params);
    checkLengths([query, key], params);
    if (segments) checkSegments(segments, query[0]!);
    if (mask) checkMask(mask, query[0]!, 1, { ...params, numHeads: 1 });
    return [query[0]!, query[1]!, (value[2]! / params.numKvHeads) * params.numHeads];
  },
  flops,
  reference: (inputs, params) => composed(inputs, params).output,
  kernel: {
    names: ['linear_attention', 'linear_attention_backward'],
    saved: ([query], { numHeads }) => [{ shape: [query[0]!, numHeads, query[1]!], dtype: 'float' }],
    forward: ({ inputs, output, saved, params }): KernelCall => {
      const items = sequencesOf(inputs[0].shape, inputs[4]?.shape ?? null) * params.numHeads;
      const shapes = inputs.map((input) => input?.shape ?? null);
      return {
        name: 'linear_attention',
        tensors: [output.data, saved[0]!.data, ...inputs.map((input) => input?.data ?? null)],
        ints: kernelInts(inputs, params),
        floats: [1, 0],
        items,
        workPerItem: flops(shapes, params) / 2 / Math.max(1, items),
      };
    },
    backward: ({ inputs, output, saved, grad, inputGrads, params }): KernelCall => {
      const items = sequencesOf(inputs[0].shape, inputs[4]?.shape ?? null) * params.numKvHeads;
      const shapes = inputs.map((input) => input?.shape ?? null);
      return {
        name: 'linear_attention_backward',
        tensors: [
          ...[0, 1, 2].map((i) => gradientMemory(inputs[i]!, inputGrads[i] ?? null, params)),
          ...inputs.map((input) => input?.data ?? null),
          output.data,
          saved[0]!.data,
          grad.data,
        ],
        ints: kernelInts(inputs, params),
        floats: [1, 0],
        items,
        workPerItem: flops(shapes, params) / Math.max(1, items),
      };
    },
  },
});

/** Heads, the causal rule and packed sequences. */
export type LinearAttentionOptions = Pick<
  AttentionOptions,
  'numHeads' | 'numKvHeads' | 'causal' | 'segments'
>;

/**
 * Attention with `φ(q)·φ(k)` in place of `e^(q·k/√D)`: time O(T · D · Dv), memory O(T). Under the causal rule the
 * sequence is computed in chunks, with the sums of all chunks before as state.
 *
 * @param query - `[B, T, H·D]`
 * @param key - `[B, S, K·D]`; S = T where it is causal
 * @param value - `[B, S, K·Dv]`
 * @param mask - bool `[B|1, 1, 1, S]`, true for keys that count, or null
 * @returns `[B, T, H·Dv]`; zeros for a query that sees nothing
 * @throws {ShapeError} when a shape does not fit; a mask cannot differ between queries or heads
 * @example
 * linearAttention(q, k, v, null, { numHeads: 8, causal: true });
 */
export function linearAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  mask: Tensor | null,
  options: LinearAttentionOptions,
): Tensor {
  return op(...linearCall(query, key, value, mask, options));
}

/** `linearAttention` pair by pair: scores `φ(q)·φ(k)`, and the same divided by the sums of their rows as weights. */
export function linearParts(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  mask: Tensor | null,
  options: LinearAttentionOptions,
): AttentionParts {
  const call = linearCall(query, key, value, mask, options);
  return composed(call.slice(0, 5) as unknown as LinearInputs, call[5]);
}

function linearCall(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  mask: Tensor | null,
  { numHeads, numKvHeads = numHeads, causal = false, segments = null }: LinearAttentionOptions,
): [...LinearInputs, AttentionParams] {
  if (mask) expectType('linearAttention', 'mask', mask, 'bool');
  if (segments) checkCover(segments, query.shape[1]!, key.shape[1]!);
  const params = attentionParams(query, key, { numHeads, numKvHeads, causal, scale: 1 });
  return [query, key, value, mask, segments, params];
}
