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
 * @param key - `[B|1, S, A]`
 * @param vector - v, `[A]`, or one for each batch entry `[B, A]`
 * @returns `[B, T, S]`
 */
export function additiveScores(query: Tensor, key: Tensor, vector: Tensor): Tensor {
  const [batch, T, width] = query.shape as [number, number, number];
  const [entries, S] = key.shape as [number, number, number];
  const inner = tanh(add(reshape(query, [batch, T, 1, width]), reshape(key, [entries, 1, S, width])));
  const pairs = reshape(inner, [batch, T * S, width]);
  return reshape(matmul(pairs, reshape(vector, [...vector.shape, 1])), [batch, T, S]);
}
