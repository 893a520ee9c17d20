/**
 * Attention with scores that are added to its products: by the distance of key and query, or one by one.
 *
 * `softmax(cap(scale · q kᵀ + table[clip(s − t)] + bias)) · v`, and the weights summed by distance.
 *
 * Papers: Shaw, Uszkoreit & Vaswani 2018, https://arxiv.org/abs/1803.02155 (scores and values by clipped distance);
 * Huang et al. 2018, https://arxiv.org/abs/1809.04281 (without a vector for each pair in memory)
 */
import type { KernelCall } from '../../core/device.ts';
import { defineOp, expectType, type Sample } from '../../core/op.ts';
import { formatShape, type Shape, sameShape } from '../../core/shape.ts';
import { type Tensor, tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { add } from '../elementwise/binary.ts';
import { scale } from '../elementwise/scale.ts';
import { tanh } from '../elementwise/unary.ts';
import { embedding } from '../embedding/index.ts';
import { gatherLast } from '../gather/index.ts';
import { matmul } from '../matmul/index.ts';
import { broadcastTo } from '../reduce/sum.ts';
import { permute } from '../shape/permute.ts';
import { reshape } from '../shape/reshape.ts';
import { concat } from '../shape/slice.ts';
import {
  type AttentionOptions,
  attentionParams,
  checkCover,
  checkMask,
  checkSegments,
  checkShapes,
  gradientMemory,
  kernelInts,
  sequencesOf,
  workOf,
} from './index.ts';
import {
  type AttentionHooks,
  type AttentionParams,
  type AttentionParts,
  attentionParts,
} from './reference.ts';
import { countPairs } from './window.ts';

interface RelativeParams extends AttentionParams {
  /** Columns of a head's table. */
  readonly width: number;
  /** Distance, key minus query, of the first column. */
  readonly first: number;
  /** The table has a row for each query, else one for each sequence. */
  readonly perQuery: boolean;
  /** The output has the weights by distance too. */
  readonly bins: boolean;
  /** 0 where scores are not bent. */
  readonly softCap: number;
}

type RelativeInputs = readonly [
  query: Tensor,
  key: Tensor,
  value: Tensor,
  mask: Tensor | null,
  segments: Tensor | null,
  table: Tensor | null,
  bias: Tensor | null,
];

const plain: RelativeParams = {
  ...{
    numHeads: 2,
    numKvHeads: 2,
    scale: 0.5,
    causal: false,
    causalOffset: 0,
    window: null,
    keyLength: 5,
    p: 0,
    key: [1, 2],
  },
  ...{ width: 5, first: -2, perQuery: true, bins: false, softCap: 0 },
};
const padding = { shape: [2, 1, 1, 5], values: [1, 1, 1, 1, 0, 1, 1, 0, 0, 0], dtype: 'bool' } as const;
const segments = { shape: [2, 4], values: [0, 2, 2, 6, 0, 3, 3, 5], dtype: 'int32' } as const;
const qkv: readonly Shape[] = [
  [2, 5, 8],
  [2, 5, 8],
  [2, 5, 8],
];
const samples: readonly Sample<RelativeParams>[] = [
  { inputs: [...qkv, null, null, [2, 5, 10], null], params: plain, note: 'a table for each query' },
  {
    inputs: [...qkv, padding, null, [2, 5, 10], null],
    params: { ...plain, bins: true, p: 0.4, softCap: 1.5 },
    note: 'bins, padding, dropout and a cap',
  },
  {
    inputs: [...qkv, null, null, [2, 1, 6], null],
    params: { ...plain, width: 3, first: -2, perQuery: false, causal: true },
    note: 'a table for each sequence, causal',
  },
  { inputs: [...qkv, padding, null, null, [2, 2, 5, 5]], params: plain, note: 'scores one by one' },
  {
    inputs: [[1, 6, 12], [1, 5, 6], [1, 5, 10], null, segments, [1, 6, 28], null],
    params: { ...plain, numHeads: 4, width: 7, first: -3, bins: true, p: 0.2 },
    note: 'three sequences in a row, grouped heads',
  },
  {
    inputs: [[1, 6, 8], [1, 5, 8], [1, 5, 8], null, segments, [3, 1, 4], null],
    params: { ...plain, width: 2, first: 0, perQuery: false, causal: true, causalOffset: 1 },
    note: 'a table for each of three sequences',
  },
  {
    inputs: [[1, 33, 34], [1, 33, 34], [1, 33, 34], null, null, [1, 33, 38], [1, 2, 33, 33]],
    params: { ...plain, keyLength: 33, width: 19, first: -17, bins: true, causal: true },
    note: 'odd sizes, table and bias',
  },
  {
    inputs: [[1, 2, 8], [1, 7, 8], [1, 7, 8], null, null, [1, 2, 18], null],
    params: { ...plain, keyLength: 6, width: 9, first: -8, causal: true, causalOffset: 4, bins: true },
    note: 'two queries at the end of a cache',
  },
  {
    inputs: [[1, 0, 4], [1, 2, 4], [1, 2, 4], null, null, [1, 0, 6], null],
    params: { ...plain, keyLength: 2, width: 3 },
    note: 'no query',
  },
  {
    inputs: [[1, 2, 2], [1, 300, 2], [1, 300, 2], null, null, [1, 2, 7], null],
    params: {
      ...plain,
      numHeads: 1,
      numKvHeads: 1,
      keyLength: 300,
      causalOffset: 200,
      width: 7,
      bins: false,
    },
    note: 'several blocks of keys',
  },
  {
    inputs: [[1, 5, 2], [1, 290, 2], [1, 290, 2], null, null, [1, 5, 280], null],
    params: { ...plain, numHeads: 1, numKvHeads: 1, keyLength: 290, width: 280, first: -1, bins: true },
    note: 'several blocks of keys, bins',
  },
  {
    inputs: [[1, 33, 8], [1, 33, 8], [1, 33, 8], null, null, [1, 33, 10], [1, 2, 33, 33]],
    params: { ...plain, keyLength: 33, window: [6, 3], bins: true, p: 0.1 },
    note: 'in a window',
  },
];

function fail(expected: string, got: string): never {
  throw new ShapeError({ where: 'relativeAttention', expected, got });
}

/** The tables' shape: `[B, T, H·W]` for each query, `[sequences, 1, H·W]` for each sequence. */
function tableShape(query: Shape, segmentShape: Shape | null, params: RelativeParams): Shape {
  const columns = params.numHeads * params.width;
  if (params.perQuery) return [query[0]!, query[1]!, columns];
  return [segmentShape ? segmentShape[1]! - 1 : query[0]!, 1, columns];
}

function checkAdded(
  query: Shape,
  segmentShape: Shape | null,
  table: Shape | null,
  bias: Shape | null,
  params: RelativeParams,
): void {
  const wanted = tableShape(query, segmentShape, params);
  if (table && formatShape(table) !== formatShape(wanted))
    fail(`a table ${formatShape(wanted)}`, formatShape(table));
  if (!bias) return;
  const all = [query[0]!, params.numHeads, query[1]!, params.keyLength];
  if (segmentShape) fail('no bias together with segments', formatShape(bias));
  if (formatShape(bias) !== formatShape(all)) fail(`a bias ${formatShape(all)}`, formatShape(bias));
}

/** `[T, S]`: the table's column in which query t meets key s, by their places in their own sequences. */
function columnsOf(
  queries: number,
  { keyLength, causalOffset, first, width }: RelativeParams,
  segmentTensor: Tensor | null,
): Int32Array {
  const places = (side: 0 | 1, count: number): Int32Array => {
    const own = Int32Array.from({ length: count }, (_, i) => i);
    const n = segmentTensor ? segmentTensor.shape[1]! : 0;
    for (let b = 0; b + 1 < n; b++) {
      const [from, to] = [segmentTensor!.data[side * n + b]!, segmentTensor!.data[side * n + b + 1]!];
      for (let i = from; i < to; i++) own[i] = i - from;
    }
    return own;
  };
  const [t, s] = [places(0, queries), places(1, keyLength)];
  const column = (i: number): number => {
    const distance = s[i % keyLength]! - t[Math.floor(i / keyLength)]! - causalOffset;
    return Math.max(0, Math.min(width - 1, distance - first));
  };
  return Int32Array.from({ length: queries * keyLength }, (_, i) => column(i));
}

/** The number of each query's sequence, `[T]`. */
function sequenceOf(queries: number, segmentTensor: Tensor): Int32Array {
  const n = segmentTensor.shape[1]!;
  const own = new Int32Array(queries);
  for (let b = 0; b + 1 < n; b++) own.fill(b, segmentTensor.data[b]!, segmentTensor.data[b + 1]!);
  return own;
}

/** The scores `[B, H, T, S]` that a table gives. */
function scoresOf(
  table: Tensor,
  query: Tensor,
  columns: Int32Array,
  segmentTensor: Tensor | null,
  params: RelativeParams,
): Tensor {
  const [batch, queries] = query.shape as [number, number, number];
  const { numHeads, width, keyLength, perQuery } = params;
  const options = { dtype: 'int32', device: query.device } as const;
  const rows = perQuery
    ? table
    : segmentTensor
      ? embedding(
          reshape(table, [table.shape[0]!, numHeads * width]),
          tensor(sequenceOf(queries, segmentTensor), [1, queries], options),
        )
      : broadcastTo(table, [batch, queries, numHeads * width]);
  const perHead = permute(reshape(rows, [batch, queries, numHeads, width]), [0, 2, 1, 3]);
  const places = new Int32Array(batch * numHeads * columns.length);
  for (let i = 0; i < batch * numHeads; i++) places.set(columns, i * columns.length);
  return gatherLast(perHead, tensor(places, [batch, numHeads, queries, keyLength], options));
}

/** Weights `[B, H, T, S]` summed by distance, `[B, T, H·W]`. */
function binned(weights: Tensor, columns: Int32Array, width: number): Tensor {
  const [batch, heads, queries, keys] = weights.shape as [number, number, number, number];
  const choice = new Float64Array(columns.length * width);
  columns.forEach((column, i) => {
    choice[i * width + column] = 1;
  });
  const which = tensor(choice, [queries, keys, width], { device: weights.device }); // [T, S, W]
  const byQuery = reshape(permute(weights, [2, 0, 1, 3]), [queries, batch * heads, keys]);
  const sums = reshape(matmul(byQuery, which), [queries, batch, heads, width]);
  return reshape(permute(sums, [1, 0, 2, 3]), [batch, queries, heads * width]);
}

/** `cap · tanh(x / cap)`, or x without a cap. */
function capped(x: Tensor, cap: number): Tensor {
  return cap > 0 ? scale(tanh(scale(x, 1 / cap)), cap) : x;
}

function composed(
  inputs: RelativeInputs,
  params: RelativeParams,
  hooks: AttentionHooks = {},
): AttentionParts {
  const [query, key, value, mask, segmentTensor, table, bias] = inputs;
  const columns = columnsOf(query.shape[1]!, params, segmentTensor);
  const byDistance = table ? scoresOf(table, query, columns, segmentTensor, params) : null;
  const added = byDistance && bias ? add(byDistance, bias) : (byDistance ?? bias);
  const parts = attentionParts(query, key, value, mask, params, segmentTensor, {
    ...hooks,
    scores: (products) => {
      const sums = added ? add(products, added) : products;
      const bent = capped(sums, params.softCap);
      return hooks.scores?.(bent) ?? bent;
    },
  });
  if (!params.bins) return parts;
  return { ...parts, output: concat([parts.output, binned(parts.dropped, columns, params.width)], 2) };
}

function outputWidth(value: Shape, { numHeads, numKvHeads, width, bins }: RelativeParams): number {
  return (value[2]! / numKvHeads) * numHeads + (bins ? numHeads * width : 0);
}

/** As those of `attention`, but for rows that are as wide as the output is. */
function relativeInts(inputs: RelativeInputs, params: RelativeParams): number[] {
  const [query, key, value, mask, segmentTensor] = inputs;
  const ints = kernelInts([query, key, value, mask, segmentTensor], params);
  const row = outputWidth(value.shape, params);
  ints[10] = row;
  ints[14] = query.shape[1]! * row;
  const { width, first, perQuery, bins } = params;
  return [...ints, width, first, Number(perQuery), Number(bins)];
}

const op = defineOp<RelativeInputs, RelativeParams>({
  name: 'relativeAttention',
  samples,
  shape: ([query, key, value, mask, segmentShape, table, bias], params) => {
    checkShapes([query, key, value], params);
    if (segmentShape) checkSegments(segmentShape, query[0]!);
    if (mask) checkMask(mask, query[0]!, query[1]!, params);
    checkAdded(query, segmentShape, table, bias, params);
    return [query[0]!, query[1]!, outputWidth(value, params)];
  },
  flops: ([query, , value, , segmentShape], params) => {
    const { numHeads, numKvHeads, keyLength } = params;
    const sequences = segmentShape ? Math.max(1, segmentShape[1]! - 1) : 1;
    const pairs = sequences * countPairs(params, query[1]! / sequences, keyLength / sequences);
    return query[0]! * pairs * (2 * query[2]! + (2 * value[2]! * numHeads) / numKvHeads + 7 * numHeads);
  },
  reference: (inputs, params) => composed(inputs, params).output,
  kernel: {
    names: ['relative_attention', 'relative_attention_backward'],
    saved: ([query], { numHeads }) => [{ shape: [query[0]!, numHeads, query[1]!], dtype: 'float' }],
    forward: ({ inputs, output, saved, params }): KernelCall => {
      const [query, key, value, mask, segmentTensor] = inputs;
      const common = [query, key, value, mask, segmentTensor] as const;
      return {
        name: 'relative_attention',
        tensors: [output.data, saved[0]!.data, ...inputs.map((input) => input?.data ?? null)],
        ints: relativeInts(inputs, params),
        floats: [params.scale, params.p, params.softCap],
        items: sequencesOf(common) * params.numHeads,
        workPerItem: workOf(common, params),
      };
    },
    backward: ({ inputs, output, saved, grad, inputGrads, params }): KernelCall => {
      const [query, key, value, mask, segmentTensor, table, bias] = inputs;
      const common = [query, key, value, mask, segmentTensor] as const;
      return {
        name: 'relative_attention_backward',
        tensors: [
          ...[0, 1, 2].map((i) => gradientMemory(inputs[i]!, inputGrads[i] ?? null, params)),
          ...common.map((input) => input?.data ?? null),
          ...[output.data, saved[0]!.data, grad.data],
          ...[
            inputGrads[5]?.data ?? null,
            inputGrads[6]?.data ?? null,
            table?.data ?? null,
            bias?.data ?? null,
          ],
        ],
        ints: relativeInts(inputs, params),
        floats: [params.scale, params.p, params.softCap],
        items: sequencesOf(common) * params.numKvHeads,
        workPerItem: 4 * workOf(common, params),
      };
    },
  },
});

/** What is added to the scores, and what is wanted besides the output. */
export interface RelativeScores {
  /**
   * Scores by distance: `[B, T, H·W]`, or, if not `perQuery`, `[B, 1, H·W]` (with n segments `[n, 1, H·W]`). Column w of a head stands for distance `first + w`, key minus
   * query; the outer columns stand for all distances beyond.
   */
  readonly table?: Tensor | null;
  /** The table has a row for each query (the default), else one for each sequence. */
  readonly perQuery?: boolean;
  /** Scores one by one, `[B|1, H|1, T|1, S]`, not together with segments; gets a gradient. */
  readonly bias?: Tensor | null;
  /** W, needed where there is no table. */
  readonly width?: number;
  readonly first?: number;
  /** Also returns the weights after dropout summed by distance. */
  readonly bins?: boolean;
  /** Bends scores x to cap · tanh(x / cap), before masks (Gemma 2, 2024); 0, the default, leaves them. */
  readonly softCap?: number;
}

/**
 * `attention` with added scores: `dropout(softmax(scale · q kᵀ + table[clip(s − t)] + bias)) · v`. Distances count
 * from `t + causalOffset`, the place of the query among the keys.
 *
 * @param query - `[B, T, H·D]`
 * @param key - `[B, S, K·D]`
 * @param value - `[B, S, K·Dv]`
 * @param mask - bool `[B|1, H|1, T|1, S]`, true where a key may be attended to, or null
 * @returns `[B, T, H·Dv]`; with bins `[B, T, H·Dv + H·W]`, the sums of weights by distance at the end
 * @throws {ShapeError} when a shape does not fit
 * @example
 * relativeAttention(q, k, v, null, { numHeads: 8, causal: true }, { table: slopes, first: -127 });
 */
export function relativeAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  mask: Tensor | null,
  options: AttentionOptions,
  relative: RelativeScores,
): Tensor {
  return op(...relativeCall(query, key, value, mask, options, relative));
}

/** What `relativeAttention` computes on the way, in plain ops. */
export function relativeParts(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  mask: Tensor | null,
  options: AttentionOptions,
  relative: RelativeScores,
  hooks: AttentionHooks = {},
): AttentionParts {
  const call = relativeCall(query, key, value, mask, options, relative);
  return composed(call.slice(0, -1) as unknown as RelativeInputs, call.at(-1) as RelativeParams, hooks);
}

/** `[B|1, H|1, T|1, S]` in full; of any other shape as it is, for the op to refuse. */
function everyScore(bias: Tensor, all: Shape): Tensor {
  const fits = bias.shape.length === 4 && bias.shape.every((n, axis) => n === 1 || n === all[axis]);
  return fits && !sameShape(bias.shape, all) ? broadcastTo(bias, all) : bias;
}

/** Inputs and parameters of the op. */
function relativeCall(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  mask: Tensor | null,
  options: AttentionOptions,
  { table = null, perQuery = true, bias = null, width, first = 0, bins = false, softCap = 0 }: RelativeScores,
): readonly [...RelativeInputs, RelativeParams] {
  if (mask) expectType('relativeAttention', 'mask', mask, 'bool');
  if (bias) expectType('relativeAttention', 'bias', bias, query.dtype);
  const segmentTensor = options.segments ?? null;
  if (segmentTensor) checkCover(segmentTensor, query.shape[1]!, key.shape[1]!);
  const columns = table ? table.shape[2]! / options.numHeads : (width ?? 1);
  const params = { ...attentionParams(query, key, options), width: columns, first, bins, perQuery, softCap };
  const all = [query.shape[0]!, params.numHeads, query.shape[1]!, params.keyLength];
  const scores = bias && everyScore(bias, all);
  return [query, key, value, mask, segmentTensor, table, scores, params];
}
