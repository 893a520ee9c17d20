/** Multi-head scaled dot-product attention as one op: `softmax(scale · q kᵀ + masks) · v` of every head. */
import type { KernelCall } from '../../core/device.ts';
import type { TypedArray } from '../../core/dtype.ts';
import { defineOp, expectType, type Sample } from '../../core/op.ts';
import { broadcastStrides, formatShape, type Shape } from '../../core/shape.ts';
import { Tensor } from '../../core/tensor.ts';
import { ConfigError, ShapeError } from '../../errors.ts';
import { checkRate } from '../dropout/index.ts';
import { type AttentionParams, attentionParts } from './reference.ts';
import { checkWindow, countPairs, mostSeen, windowInts } from './window.ts';

type AttentionInputs = readonly [
  query: Tensor,
  key: Tensor,
  value: Tensor,
  mask: Tensor | null,
  segments: Tensor | null,
];

const plain: AttentionParams = {
  numHeads: 2,
  numKvHeads: 2,
  scale: 0.5,
  causal: false,
  causalOffset: 0,
  window: null,
  keyLength: 5,
  p: 0,
  key: [1, 2],
};
const padding = { shape: [2, 1, 1, 5], values: [1, 1, 1, 1, 0, 1, 1, 0, 0, 0], dtype: 'bool' } as const;
const blocked = {
  shape: [2, 1, 3, 5],
  values: [...new Array(5).fill(0), ...new Array(20).fill(1), 0, 0, 0, 0, 0],
  dtype: 'bool',
} as const;

/** Queries 0–1, none, 2–5; keys 0–2, none, 3–4. */
const segments = { shape: [2, 4], values: [0, 2, 2, 6, 0, 3, 3, 5], dtype: 'int32' } as const;
const segmentMask = { shape: [1, 1, 1, 5], values: [1, 0, 1, 1, 1], dtype: 'bool' } as const;

const samples: readonly Sample<AttentionParams>[] = [
  { inputs: [[2, 3, 8], [2, 5, 8], [2, 5, 8], null, null], params: plain },
  {
    inputs: [[2, 3, 8], [2, 5, 8], [2, 5, 8], padding, null],
    params: { ...plain, p: 0.4 },
    note: 'padding and dropout',
  },
  { inputs: [[2, 3, 8], [2, 5, 8], [2, 5, 8], blocked, null], params: plain, note: 'fully masked rows' },
  {
    inputs: [[2, 5, 8], [2, 5, 8], [2, 5, 8], padding, null],
    params: { ...plain, causal: true },
    note: 'causal, padded',
  },
  {
    inputs: [[2, 3, 12], [2, 5, 6], [2, 5, 10], null, null],
    params: { ...plain, numHeads: 4, causal: true, causalOffset: 2, p: 0.1 },
    note: 'grouped heads, value width apart',
  },
  { inputs: [[2, 1, 8], [2, 7, 8], [2, 7, 8], null, null], params: plain, note: 'part of a cache' },
  {
    inputs: [[1, 33, 34], [1, 33, 34], [1, 33, 34], null, null],
    params: { ...plain, causal: true, keyLength: 33, p: 0.2 },
    note: 'odd sizes',
  },
  {
    inputs: [[1, 0, 4], [1, 2, 4], [1, 2, 4], null, null],
    params: { ...plain, keyLength: 2 },
    note: 'no query',
  },
  {
    inputs: [[1, 6, 8], [1, 5, 8], [1, 5, 8], null, segments],
    params: { ...plain, p: 0.3 },
    note: 'three sequences in a row, one of them empty',
  },
  {
    inputs: [[1, 6, 12], [1, 5, 6], [1, 5, 10], segmentMask, segments],
    params: { ...plain, numHeads: 4, causal: true, causalOffset: 1, p: 0.1 },
    note: 'causal sequences in a row, masked, grouped heads',
  },
  {
    inputs: [[1, 37, 6], [1, 35, 6], [1, 35, 10], null, null],
    params: { ...plain, keyLength: 35, window: [5, 2], p: 0.2 },
    note: 'a window; the last queries see nothing',
  },
  {
    inputs: [[2, 5, 8], [2, 5, 8], [2, 5, 8], padding, null],
    params: { ...plain, causal: true, window: [1, 3] },
    note: 'a causal window, padded',
  },
  {
    inputs: [[1, 5, 8], [1, 5, 8], [1, 5, 8], null, null],
    params: { ...plain, causal: true, window: [Infinity, -1] },
    note: 'strictly causal',
  },
  {
    inputs: [[2, 1, 8], [2, 7, 8], [2, 7, 8], null, null],
    params: { ...plain, causal: true, causalOffset: 4, window: [2, 0] },
    note: 'a window on a cache',
  },
  {
    inputs: [[1, 6, 12], [1, 5, 6], [1, 5, 10], segmentMask, segments],
    params: { ...plain, numHeads: 4, window: [0, 1], p: 0.1 },
    note: 'windows in sequences in a row',
  },
];

export function checkShapes([query, key, value]: readonly Shape[], params: AttentionParams): void {
  const fail = (expected: string, got: string): never => {
    throw new ShapeError({ where: 'attention', expected, got });
  };
  for (const [name, shape] of [
    ['query', query!],
    ['key', key!],
    ['value', value!],
  ] as const) {
    if (shape.length !== 3) fail(`${name} [B, length, heads · width]`, formatShape(shape));
    if (shape[0] !== query![0]) fail(`${name} with batch ${query![0]}, like query`, formatShape(shape));
  }
  const { numHeads, numKvHeads, keyLength } = params;
  if (query![2]! % numHeads !== 0) fail(`a query width divisible by ${numHeads} heads`, formatShape(query!));
  const width = query![2]! / numHeads;
  if (key![2] !== width * numKvHeads) fail(`key of width ${numKvHeads} heads × ${width}`, formatShape(key!));
  if (value![2]! % numKvHeads !== 0)
    fail(`a value width divisible by ${numKvHeads} heads`, formatShape(value!));
  if (key![1] !== value![1]) fail(`as many values as keys (${key![1]})`, formatShape(value!));
  if (keyLength > key![1]!) fail(`at most ${key![1]} keys`, `keyLength ${keyLength}`);
}

export function checkSegments(segments: Shape, batch: number): void {
  if (segments.length === 2 && segments[0] === 2 && segments[1]! >= 1 && batch === 1) return;
  throw new ShapeError({
    where: 'attention',
    expected: 'segments [2, n + 1] for n sequences in one batch entry',
    got: `${formatShape(segments)} and batch ${batch}`,
    hint: 'pack the sequences one after the other into [1, tokens, width]',
  });
}

export function checkMask(mask: Shape, batch: number, queries: number, params: AttentionParams): void {
  const full = [batch, params.numHeads, queries, params.keyLength].slice(4 - mask.length);
  const fits = mask.length <= 4 && mask.every((n, i) => n === full[i] || (n === 1 && i !== full.length - 1));
  if (!fits) {
    throw new ShapeError({
      where: 'attention',
      expected: `a mask [B|1, H|1, T|1, S] for [${batch}, ${params.numHeads}, ${queries}, ${params.keyLength}]`,
      got: formatShape(mask),
      hint: 'a padding mask is [B, 1, 1, S], true where a key may be attended to',
    });
  }
}

/** Sizes and strides in the order of native/attention.c. */
export function kernelInts(inputs: AttentionInputs, params: AttentionParams): number[] {
  const [query, key, value, mask] = inputs;
  const [batch, queries, queryWidth] = query.shape as [number, number, number];
  const [, room, keyWidth] = key.shape as [number, number, number];
  const valueWidth = value.shape[2]!;
  const { numHeads, numKvHeads, keyLength, causal, causalOffset } = params;
  const outWidth = (valueWidth / numKvHeads) * numHeads;
  const maskStrides = mask ? broadcastStrides(mask.shape, [batch, numHeads, queries, keyLength]) : [0, 0, 0];
  return [
    ...[sequencesOf(inputs), numHeads, numKvHeads, queries, keyLength],
    ...[queryWidth / numHeads, valueWidth / numKvHeads],
    ...[queryWidth, keyWidth, valueWidth, outWidth],
    ...[queries * queryWidth, room * keyWidth, room * valueWidth, queries * outWidth],
    ...[
      Number(causal),
      causalOffset,
      ...maskStrides.slice(0, 3),
      ...params.key,
      ...windowInts(params.window),
    ],
  ];
}

/** Sequences, each with its own keys. */
export function sequencesOf([query, , , , segments]: AttentionInputs): number {
  return segments ? segments.shape[1]! - 1 : query.shape[0]!;
}

/** Products for a sequence and head. */
export function workOf(inputs: AttentionInputs, params: AttentionParams): number {
  const [query, , value, , segments] = inputs;
  const sequences = segments ? Math.max(1, sequencesOf(inputs)) : 1;
  const scores = (query.shape[1]! / sequences) * mostSeen(params, params.keyLength / sequences);
  return (scores * (query.shape[2]! + value.shape[2]!)) / params.numHeads;
}

/** A single query for each sequence, as in decoding: a kernel of its own reads keys and values in one stream. */
function isStep([query, , , , segments]: AttentionInputs, { p }: AttentionParams): boolean {
  return query.shape[1] === 1 && !segments && p === 0;
}

/** Where the kernel writes a gradient: also one that nobody needs; unused room of a cache gets zeros. */
export function gradientMemory(
  input: Tensor,
  gradient: Tensor | null,
  { keyLength }: AttentionParams,
): TypedArray {
  const memory = gradient ?? Tensor.empty(input.shape, input.dtype, input.device, 'attention.backward');
  if (input.shape[1]! > keyLength) memory.data.fill(0);
  return memory.data;
}

const op = defineOp<AttentionInputs, AttentionParams>({
  name: 'attention',
  samples,
  shape: ([query, key, value, mask, segments], params) => {
    checkShapes([query, key, value], params);
    if (segments) checkSegments(segments, query[0]!);
    if (mask) checkMask(mask, query[0]!, query[1]!, params);
    return [query[0]!, query[1]!, (value[2]! / params.numKvHeads) * params.numHeads];
  },
  flops: ([query, , value, , segments], params) => {
    const { numHeads, numKvHeads, keyLength } = params;
    const sequences = segments ? Math.max(1, segments[1]! - 1) : 1; // of about one length
    const pairs = sequences * countPairs(params, query[1]! / sequences, keyLength / sequences);
    return query[0]! * pairs * (2 * query[2]! + (2 * value[2]! * numHeads) / numKvHeads + 5 * numHeads);
  },
  reference: ([query, key, value, mask, segments], params) =>
    attentionParts(query, key, value, mask, params, segments).output,
  kernel: {
    names: ['attention', 'attention_step', 'attention_backward'],
    saved: ([query], { numHeads }) => [{ shape: [query[0]!, numHeads, query[1]!], dtype: 'float' }],
    forward: ({ inputs, output, saved, params }): KernelCall => ({
      name: isStep(inputs, params) ? 'attention_step' : 'attention',
      tensors: [output.data, saved[0]!.data, ...inputs.map((input) => input?.data ?? null)],
      ints: kernelInts(inputs, params),
      floats: [params.scale, params.p],
      items: isStep(inputs, params) ? 1 : sequencesOf(inputs) * params.numHeads,
      workPerItem: workOf(inputs, params),
    }),
    backward: ({ inputs, output, saved, grad, inputGrads, params }): KernelCall => ({
      name: 'attention_backward',
      tensors: [
        ...[0, 1, 2].map((i) => gradientMemory(inputs[i]!, inputGrads[i] ?? null, params)),
        ...inputs.map((input) => input?.data ?? null),
        output.data,
        saved[0]!.data,
        grad.data,
      ],
      ints: kernelInts(inputs, params),
      floats: [params.scale, params.p],
      items: sequencesOf(inputs) * params.numKvHeads,
      workPerItem: 4 * workOf(inputs, params),
    }),
  },
});

/**
 * Options of `attention`; each has the value of the paper by default. With a window, time grows with T times its width
 * and memory with T.
 */
export interface AttentionOptions
  extends Partial<Omit<AttentionParams, 'numHeads'>>,
    Pick<AttentionParams, 'numHeads'> {
  /**
   * int32 `[2, n + 1]`: the first query row and the first key row of each of n sequences that stand one after the
   * other in one batch entry, and the ends. Queries see the keys of their own sequence only.
   */
  readonly segments?: Tensor | null;
}

/** Fills in the defaults. */
export function attentionParams(query: Tensor, key: Tensor, options: AttentionOptions): AttentionParams {
  const { numHeads, p = 0 } = options;
  checkRate('attention', p);
  checkWindow('attention', options.window);
  const numKvHeads = options.numKvHeads ?? numHeads;
  if (numHeads % numKvHeads !== 0) {
    throw new ConfigError({
      where: 'attention',
      expected: `numHeads (${numHeads}) to be a multiple of numKvHeads`,
      got: String(numKvHeads),
    });
  }
  return {
    numHeads,
    numKvHeads,
    scale: options.scale ?? 1 / Math.sqrt(query.shape[2]! / numHeads),
    causal: options.causal ?? false,
    causalOffset: options.causalOffset ?? 0,
    window: options.window ?? null,
    keyLength: options.keyLength ?? key.shape[1]!,
    p,
    key: options.key ?? [0, 0],
  };
}

/**
 * `dropout(softmax(scale · q kᵀ, masked)) · v` for every head, without the `[B, H, T, S]` matrix in memory.
 * A query that may see no key gets zeros and a zero gradient.
 *
 * @param query - `[B, T, H·D]`; head h is the columns h·D …
 * @param key - `[B, S, K·D]` with K key/value heads
 * @param value - `[B, S, K·Dv]`
 * @param mask - bool `[B|1, H|1, T|1, S]`, true where a key may be attended to, or null
 * @returns `[B, T, H·Dv]`
 * @throws {ShapeError} when a shape does not fit, or segments leave out rows
 * @throws {ConfigError} when heads, dropout or the window cannot be used
 * @example
 * attention(q, k, v, paddingMask, { numHeads: 8, causal: true });
 * attention(q, k, v, null, { numHeads: 8, window: [128, 128] });
 */
export function attention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  mask: Tensor | null,
  options: AttentionOptions,
): Tensor {
  if (mask) expectType('attention', 'mask', mask, 'bool');
  const segments = options.segments ?? null;
  if (segments) checkCover(segments, query.shape[1]!, key.shape[1]!);
  return op(query, key, value, mask, segments, attentionParams(query, key, options));
}

/** Segments must cover every row of queries and keys, in order. */
export function checkCover(segments: Tensor, queries: number, keys: number): void {
  expectType('attention', 'segments', segments, 'int32');
  const count = segments.shape[1] ?? 0;
  for (const [side, rows, starts] of [
    ['query', queries, segments.data.subarray(0, count)],
    ['key', keys, segments.data.subarray(count)],
  ] as const) {
    const rising = starts.every((start, i) => i === 0 || start >= starts[i - 1]!);
    if (rising && starts[0] === 0 && starts.at(-1) === rows) continue;
    throw new ShapeError({
      where: 'attention',
      expected: `${side} segments that rise from 0 to ${rows}`,
      got: Array.from(starts.subarray(0, 8)).join(', '),
    });
  }
}
