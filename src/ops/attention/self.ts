/** Self-attention whose queries, keys and values lie side by side, as one projection makes them. */
import type { KernelCall } from '../../core/device.ts';
import type { TypedArray } from '../../core/dtype.ts';
import { defineOp, expectType } from '../../core/op.ts';
import { broadcastStrides, formatShape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { checkRate, type DropoutKey } from '../dropout/index.ts';
import { slice } from '../shape/slice.ts';
import { attentionParts } from './reference.ts';
import { checkWindow, countPairs, mostSeen, type Window, windowInts } from './window.ts';

interface SelfParams {
  readonly numHeads: number;
  readonly scale: number;
  readonly causal: boolean;
  readonly window: Window | null;
  readonly p: number;
  readonly key: DropoutKey;
}

type SelfInputs = readonly [qkv: Tensor, mask: Tensor | null];

const plain: SelfParams = { numHeads: 2, scale: 0.5, causal: true, window: null, p: 0, key: [1, 2] };
const padding = { shape: [2, 1, 1, 5], values: [1, 1, 1, 1, 0, 1, 1, 0, 0, 0], dtype: 'bool' } as const;

/** Queries, keys and values of a `[B, T, 3·H·D]`, each `[B, T, H·D]`. */
export function splitParts(qkv: Tensor): [query: Tensor, key: Tensor, value: Tensor] {
  const width = qkv.shape[2]! / 3;
  const part = (i: number): Tensor => slice(qkv, 2, i * width, (i + 1) * width);
  return [part(0), part(1), part(2)];
}

/** The memory of each third, from its first element on; rows are three thirds apart. */
function thirds({ data, shape }: Tensor): TypedArray[] {
  const width = shape[2]! / 3;
  return [0, 1, 2].map((i) => data.subarray(Math.min(data.length, i * width)));
}

/** Sizes and strides in the order of native/kernels/attention.c. */
function kernelInts([qkv, mask]: SelfInputs, { numHeads, causal, window, key }: SelfParams): number[] {
  const [batch, length, row] = qkv.shape as [number, number, number];
  const width = row / 3;
  const [head, block] = [width / numHeads, length * row];
  const maskStrides = mask ? broadcastStrides(mask.shape, [batch, numHeads, length, length]) : [0, 0, 0];
  return [
    ...[batch, numHeads, numHeads, length, length, head, head],
    ...[row, row, row, width, block, block, block, length * width],
    ...[Number(causal), 0, ...maskStrides.slice(0, 3), ...key, ...windowInts(window)],
  ];
}

/** Products for a sequence and head. */
function workOf(qkv: Tensor, params: SelfParams): number {
  const [, length, row] = qkv.shape as [number, number, number];
  return (length * mostSeen(params, length) * row) / params.numHeads;
}

const op = defineOp<SelfInputs, SelfParams>({
  name: 'selfAttention',
  samples: [
    { inputs: [[2, 5, 24], null], params: plain },
    { inputs: [[2, 5, 24], padding], params: { ...plain, p: 0.3 }, note: 'padding and dropout' },
    { inputs: [[2, 5, 12], padding], params: { ...plain, causal: false } },
    { inputs: [[1, 33, 102], null], params: { ...plain, p: 0.2 }, note: 'odd sizes' },
    { inputs: [[1, 33, 12], null], params: { ...plain, window: [4, 0] }, note: 'a window' },
    { inputs: [[1, 1, 6], null], params: plain, note: 'one token' },
    { inputs: [[2, 0, 12], null], params: plain, note: 'no token' },
  ],
  shape: ([qkv, mask], { numHeads }) => {
    const width = (qkv[2] ?? 0) / 3;
    if (qkv.length !== 3 || width % numHeads !== 0) {
      throw new ShapeError({
        where: 'selfAttention',
        expected: `qkv [B, T, 3 · ${numHeads} heads · D]`,
        got: formatShape(qkv),
      });
    }
    const [batch, length] = qkv as [number, number];
    const full = [batch, numHeads, length, length];
    if (mask && !(mask.length === 4 && mask.every((n, i) => n === full[i] || (n === 1 && i < 3)))) {
      throw new ShapeError({
        where: 'selfAttention',
        expected: `a mask [B|1, H|1, T|1, T] for ${formatShape(full)}`,
        got: formatShape(mask),
        hint: 'a padding mask is [B, 1, 1, T], true where a key may be attended to',
      });
    }
    return [batch, length, width];
  },
  flops: ([qkv], params) => {
    const pairs = countPairs({ ...params, causalOffset: 0 }, qkv[1]!, qkv[1]!);
    return qkv[0]! * pairs * ((4 * qkv[2]!) / 3 + 5 * params.numHeads);
  },
  reference: ([qkv, mask], params) => {
    const more = { numKvHeads: params.numHeads, causalOffset: 0, keyLength: qkv.shape[1]! };
    return attentionParts(...splitParts(qkv), mask, { ...params, ...more }).output;
  },
  kernel: {
    names: ['attention', 'attention_backward'],
    saved: ([qkv], { numHeads }) => [{ shape: [qkv[0]!, numHeads, qkv[1]!], dtype: 'float' }],
    forward: ({ inputs, output, saved, params }): KernelCall => ({
      name: 'attention',
      tensors: [output.data, saved[0]!.data, ...thirds(inputs[0]), inputs[1]?.data ?? null, null],
      ints: kernelInts(inputs, params),
      floats: [params.scale, params.p],
      items: inputs[0].shape[0]! * params.numHeads,
      workPerItem: workOf(inputs[0], params),
    }),
    backward: ({ inputs, output, saved, grad, inputGrads, params }): KernelCall => ({
      name: 'attention_backward',
      tensors: [
        ...thirds(inputGrads[0]!),
        ...thirds(inputs[0]),
        inputs[1]?.data ?? null,
        null,
        output.data,
        saved[0]!.data,
        grad.data,
      ],
      ints: kernelInts(inputs, params),
      floats: [params.scale, params.p],
      items: inputs[0].shape[0]! * params.numHeads,
      workPerItem: 4 * workOf(inputs[0], params),
    }),
  },
});

/** Options of `selfAttention`. */
export type SelfAttentionOptions = Partial<SelfParams> & Pick<SelfParams, 'numHeads'>;

/**
 * `attention` of a sequence to itself, from one tensor that holds queries, keys and values of every token: nothing
 * is copied apart, and the gradient comes back in one piece.
 *
 * @param qkv - `[B, T, 3·H·D]`: the queries of all heads, then the keys, then the values
 * @param mask - bool `[B|1, H|1, T|1, T]`, true where a key may be attended to, or null
 * @param options - causal by default, scale 1/√D, no window
 * @returns `[B, T, H·D]`
 * @throws {ShapeError} when a shape does not fit
 * @throws {ConfigError} when the dropout rate is not at least 0 and below 1
 * @example
 * selfAttention(linear(x, weight), null, { numHeads: 12 });
 */
export function selfAttention(qkv: Tensor, mask: Tensor | null, options: SelfAttentionOptions): Tensor {
  const { numHeads, causal = true, window = null, p = 0, key = [0, 0] } = options;
  checkRate('selfAttention', p);
  checkWindow('selfAttention', window);
  if (mask) expectType('selfAttention', 'mask', mask, 'bool');
  const scale = options.scale ?? 1 / Math.sqrt((qkv.shape[2] ?? 0) / 3 / numHeads);
  return op(qkv, mask, { numHeads, scale, causal, window, p, key });
}
