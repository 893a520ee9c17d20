/**
 * The norm of all gradients together, and the factor that clips it.
 *
 * Paper: Pascanu, Mikolov & Bengio, On the difficulty of training recurrent neural networks, 2012,
 * https://arxiv.org/abs/1211.5063
 */
import type { Tensor } from '../core/tensor.ts';

/** Keeps the clipped norm at or below the limit in spite of rounding. */
const MARGIN = 1e-6;

/** Tensors of one launch. */
const TENSORS_PER_LAUNCH = 1024;

function sumOfSquares(tensors: readonly Tensor[]): number {
  const { device } = tensors[0]!;
  if (device.supports('sum_squares')) {
    const total = device.allocate('float64', 1);
    const ints = [tensors.length, ...tensors.map(({ size }) => size)];
    const memory = [total, ...tensors.map(({ data }) => data)];
    device.launch({ name: 'sum_squares', tensors: memory, ints, floats: [], items: 1 });
    const sum = total[0]!;
    device.release(total);
    return sum;
  }
  let total = 0;
  for (const { data } of tensors) for (let i = 0; i < data.length; i++) total += data[i]! * data[i]!;
  return total;
}

/** `√ Σ g²` over every element of every gradient. */
export function gradientNorm(parameters: Iterable<Tensor>): number {
  const gradients = [...parameters].flatMap(({ grad }) => (grad ? [grad] : []));
  let total = 0;
  for (let k = 0; k < gradients.length; k += TENSORS_PER_LAUNCH)
    total += sumOfSquares(gradients.slice(k, k + TENSORS_PER_LAUNCH));
  return Math.sqrt(total);
}

/**
 * The factor on all gradients that brings their norm to at most `limit`: `min(1, limit / (norm + 1e-6))`.
 *
 * @param limit - 0 or Infinity: no clipping
 */
export function clipFactor(norm: number, limit: number): number {
  return limit > 0 && Number.isFinite(limit) ? Math.min(1, limit / (norm + MARGIN)) : 1;
}
