/** The score of additive attention in plain ops. */
import type { Shape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { add } from '../elementwise/binary.ts';
import { tanh } from '../elementwise/unary.ts';
import { matmul } from '../matmul/index.ts';
import { broadcastTo } from '../reduce/sum.ts';
import { reshape } from '../shape/reshape.ts';

/**
 * `vᵀ tanh(q_t + k_s)` of every query with every key. Paper: Bahdanau et al. 2014, §A.1.2.
 *
 * @param query - `[B, T, A]`
 * @param key - `[B|1, S, A]`
 * @param vector - v, `[A]`, or one for each batch entry `[B, A]`
 * @returns `[B, T, S]`
 */
export function additiveScores(query: Tensor, key: Tensor, vector: Tensor): Tensor {
  const [batch, T, width] = query.shape as [number, number, number];
  const [entries, S] = key.shape as [number, number, number];
  // Side by side in full: sums that repeat their middle axes have no kernel.
  const pairwise = (x: Tensor, shape: Shape): Tensor => broadcastTo(reshape(x, shape), [batch, T, S, width]);
  const inner = tanh(add(pairwise(query, [batch, T, 1, width]), pairwise(key, [entries, 1, S, width])));
  const pairs = reshape(inner, [batch, T * S, width]);
  return reshape(matmul(pairs, reshape(vector, [...vector.shape, 1])), [batch, T, S]);
}
