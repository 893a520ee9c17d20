/** Attention in plain ops, with every intermediate in the open. */
import type { Shape } from '../../core/shape.ts';
import { type Tensor, tensor } from '../../core/tensor.ts';
import { type DropoutKey, dropout } from '../dropout/index.ts';
import { scale as scaleBy } from '../elementwise/scale.ts';
import { matmul } from '../matmul/index.ts';
import { permute } from '../shape/permute.ts';
import { reshape } from '../shape/reshape.ts';
import { slice } from '../shape/slice.ts';
import { softmax } from '../softmax/index.ts';
import { keepWhere } from '../where/index.ts';
import { type Band, keysSeen } from './window.ts';

/** Heads, scale, masking and dropout of the attention op. */
export interface AttentionParams extends Band {
  readonly numHeads: number;
  /** Heads of key and value; each serves `numHeads / numKvHeads` query heads. */
  readonly numKvHeads: number;
  /** Factor on the scores, 1/√D in the paper. */
  readonly scale: number;
  /** Keys that count, of the S that `key` and `value` have room for. */
  readonly keyLength: number;
  /** Dropout rate on the weights. */
  readonly p: number;
  readonly key: DropoutKey;
}

/** What attention computes on the way. */
export interface AttentionParts {
  /** `scale · q kᵀ` and what is added to it, before masks, `[B, H, T, S]`. */
  readonly scores: Tensor;
  /** After masks and softmax, before dropout, `[B, H, T, S]`. */
  readonly weights: Tensor;
  /** After dropout. */
  readonly dropped: Tensor;
  /** `[B, T, H·Dv]` */
  readonly output: Tensor;
}

/** Where another mechanism differs from scaled dot products and softmax. */
export interface AttentionHooks {
  /** In place of the scaled products: q `[B, K, rows, D]` and k `[B, K, S, D]` to `[B, K, rows, S]`. */
  products?(q: Tensor, k: Tensor): Tensor;
  /** What becomes of the scores `[B, H, T, S]` before masks. */
  scores?(scores: Tensor): Tensor;
  /** What becomes of the weights `[B, H, T, S]` before dropout. */
  weights?(weights: Tensor): Tensor;
}

/** `[B, T, H·D]` to `[B, H, T, D]`. */
export function splitHeads(x: Tensor, numHeads: number): Tensor {
  const [batch, length, width] = x.shape as [number, number, number];
  return permute(reshape(x, [batch, length, numHeads, width / numHeads]), [0, 2, 1, 3]);
}

/** `[B, H, T, D]` to `[B, T, H·D]`. */
export function mergeHeads(x: Tensor): Tensor {
  const [batch, heads, length, width] = x.shape as [number, number, number, number];
  return reshape(permute(x, [0, 2, 1, 3]), [batch, length, heads * width]);
}

/** `[1, 1, T, S]`, true where query t may see key s: s <= t + offset. */
export function causalMask(queries: number, keys: number, offset: number, like: Tensor): Tensor {
  const whole = { queries: [0, queries], keys: [0, keys] };
  return segmentMask(whole, { causal: true, causalOffset: offset, window: null }, like);
}

/** First row of each sequence on both sides, and the ends. */
interface Segments {
  readonly queries: ArrayLike<number>;
  readonly keys: ArrayLike<number>;
}

/**
 * `[1, 1, T, S]`, true where query and key belong to the same sequence and the query sees the key's place in it.
 */
function segmentMask({ queries, keys }: Segments, band: Band, like: Tensor): Tensor {
  const last = queries.length - 1;
  const [T, S] = [queries[last]!, keys[last]!];
  const allowed = new Uint8Array(T * S);
  for (let n = 0; n < last; n++) {
    for (let t = queries[n]!; t < queries[n + 1]!; t++) {
      const [first, end] = keysSeen(band, t - queries[n]!, keys[n + 1]! - keys[n]!);
      allowed.fill(1, t * S + keys[n]! + first, t * S + keys[n]! + end);
    }
  }
  return tensor(allowed, [1, 1, T, S], { dtype: 'bool', device: like.device });
}

/** The causal rule, window and segments together; null where every key is visible. */
export function structureMask(
  segments: Tensor | null,
  params: AttentionParams,
  query: Tensor,
): Tensor | null {
  if (segments) {
    const count = segments.shape[1]!;
    const { data } = segments;
    return segmentMask({ queries: data.subarray(0, count), keys: data.subarray(count) }, params, query);
  }
  if (!params.causal && !params.window) return null;
  return segmentMask({ queries: [0, query.shape[1]!], keys: [0, params.keyLength] }, params, query);
}

/** Mask `[B|1, H|1, T|1, S]` under four axes. */
function fourAxes(mask: Tensor): Tensor {
  const missing = new Array<number>(4 - mask.shape.length).fill(1);
  return missing.length > 0 ? reshape(mask, [...missing, ...mask.shape]) : mask;
}

/**
 * Scaled dot-product attention of each head, step by step; see `attention` for the shapes.
 *
 *
 * Paper: Vaswani et al., Attention Is All You Need, 2017, §3.2, https://arxiv.org/abs/1706.03762
 */
export function attentionParts(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  mask: Tensor | null,
  params: AttentionParams,
  segments: Tensor | null = null,
  hooks: AttentionHooks = {},
): AttentionParts {
  const { numHeads, numKvHeads, scale, keyLength } = params;
  const used = (x: Tensor): Tensor => (x.shape[1] === keyLength ? x : slice(x, 1, 0, keyLength));
  const [batch, queries] = query.shape as [number, number, number];
  const rows = (numHeads / numKvHeads) * queries;
  const full: Shape = [batch, numHeads, queries, keyLength];

  const q = reshape(splitHeads(query, numHeads), [batch, numKvHeads, rows, query.shape[2]! / numHeads]);
  const k = splitHeads(used(key), numKvHeads); // [B, K, S, D]
  const v = splitHeads(used(value), numKvHeads); // [B, K, S, Dv]

  const products = hooks.products?.(q, k) ?? scaleBy(matmul(q, k, { transposeB: true }), scale);
  const raw = reshape(products, full);
  const scores = hooks.scores?.(raw) ?? raw;
  const unpadded = mask ? keepWhere(scores, fourAxes(mask), Number.NEGATIVE_INFINITY) : scores;
  const allowed = structureMask(segments, params, query);
  const visible = allowed ? keepWhere(unpadded, allowed, Number.NEGATIVE_INFINITY) : unpadded;
  const soft = softmax(visible);
  const weights = hooks.weights?.(soft) ?? soft;
  const dropped = dropout(weights, params);
  const grouped = reshape(dropped, [batch, numKvHeads, rows, keyLength]);
  const context = reshape(matmul(grouped, v), [batch, numHeads, queries, value.shape[2]! / numKvHeads]);
  return { scores, weights, dropped, output: mergeHeads(context) };
}
