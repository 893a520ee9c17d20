/** The score of additive attention in plain ops. */
import type { Tensor } from '../../core/tensor.ts';
import { add } from '../elementwise/binary.ts';
import { tanh } from '../elementwise/unary.ts';
import { matmul } from '../matmul/index.ts';
import { reshape } from '../shape/reshape.ts';

/**
 * `vᵀ tanh(q_t + k_s)` of every query with every key. Paper: Bahdanau et al. 2014, §A.1.2.
 *
 * @param query - `[B, T, A]`
 * @param key - `[B, S, A]`
 * @param vector - v, `[A]`
 * @returns `[B, T, S]`
 */
export function additiveScores(query: Tensor, key: Tensor, vector: Tensor): Tensor {
  const [batch, T, width] = query.shape as [number, number, number];
  const S = key.shape[1]!;
  const inner = tanh(add(reshape(query, [batch, T, 1, width]), reshape(key, [batch, 1, S, width])));
  return reshape(matmul(inner, reshape(vector, [width, 1])), [batch, T, S]);
}
