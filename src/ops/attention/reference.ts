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

/** Heads, scale, masking and dropout of the attention op. */
export interface AttentionParams {
  readonly numHeads: number;
  /** Heads of key and value; each serves `numHeads / numKvHeads` query heads. */
  readonly numKvHeads: number;
  /** Factor on the scores, 1/√D in the paper. */
  readonly scale: number;
  /** Query t sees keys 0 … t + causalOffset only. */
  readonly causal: boolean;
  readonly causalOffset: number;
  /** Keys that count, of the S that `key` and `value` have room for. */
  readonly keyLength: number;
  /** Dropout rate on the weights. */
  readonly p: number;
  readonly key: DropoutKey;
}

/** What attention computes on the way. */
export interface AttentionParts {
  /** `scale · q kᵀ` before masks, `[B, H, T, S]`. */
  readonly scores: Tensor;
  /** After masks and softmax, before dropout, `[B, H, T, S]`. */
  readonly weights: Tensor;
  /** `[B, T, H·Dv]` */
  readonly output: Tensor;
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
  const allowed = new Uint8Array(queries * keys);
  for (let t = 0; t < queries; t++)
    allowed.fill(1, t * keys, t * keys + Math.max(0, Math.min(keys, t + offset + 1)));
  return tensor(allowed, [1, 1, queries, keys], { dtype: 'bool', device: like.device });
}

/** Mask `[B|1, H|1, T|1, S]` under four axes. */
function fourAxes(mask: Tensor): Tensor {
  const missing = new Array<number>(4 - mask.shape.length).fill(1);
  return missing.length > 0 ? reshape(mask, [...missing, ...mask.shape]) : mask;
}

/**
 * Scaled dot-product attention of each head, step by step; see `attention` for the shapes.
 *
 * Paper: Vaswani et al., Attention Is All You Need, 2017, §3.2, https://arxiv.org/abs/1706.03762
 */
export function attentionParts(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  mask: Tensor | null,
  params: AttentionParams,
): AttentionParts {
  const { numHeads, numKvHeads, scale, causal, causalOffset, keyLength } = params;
  const used = (x: Tensor): Tensor => (x.shape[1] === keyLength ? x : slice(x, 1, 0, keyLength));
  const [batch, queries] = query.shape as [number, number, number];
  const rows = (numHeads / numKvHeads) * queries;
  const full: Shape = [batch, numHeads, queries, keyLength];

  const q = reshape(splitHeads(query, numHeads), [batch, numKvHeads, rows, query.shape[2]! / numHeads]);
  const k = splitHeads(used(key), numKvHeads); // [B, K, S, D]
  const v = splitHeads(used(value), numKvHeads); // [B, K, S, Dv]

  const scores = reshape(scaleBy(matmul(q, k, { transposeB: true }), scale), full);
  const unpadded = mask ? keepWhere(scores, fourAxes(mask), Number.NEGATIVE_INFINITY) : scores;
  const visible = causal
    ? keepWhere(unpadded, causalMask(queries, keyLength, causalOffset, query), Number.NEGATIVE_INFINITY)
    : unpadded;
  const weights = softmax(visible);
  const dropped = reshape(dropout(weights, params), [batch, numKvHeads, rows, keyLength]);
  const context = reshape(matmul(dropped, v), [batch, numHeads, queries, value.shape[2]! / numKvHeads]);
  return { scores, weights, output: mergeHeads(context) };
}
