/**
 * Hard weights: all on the best key of each query.
 *
 * The choice has a gradient of 0 almost everywhere. The straight-through estimator gives it that of the softmax, as if
 * the choice had been soft; without it, queries and keys learn nothing.
 *
 * Papers: Xu et al., Show, Attend and Tell, 2015, §4.1, https://arxiv.org/abs/1502.03044; Bengio, Léonard & Courville
 * 2013, https://arxiv.org/abs/1308.3432
 */
import { Tensor } from '../../core/tensor.ts';
import { add, sub } from '../../ops/elementwise/binary.ts';

/** How the gradient passes the choice. */
export const hardEstimators = ['straight-through', 'none'] as const;
/** Names of the estimators. */
export type HardEstimator = (typeof hardEstimators)[number];

/** 1 at the largest weight of each row, the first of equal ones, and 0 elsewhere; all 0 in a row of zeros. */
function hardChoice(weights: Tensor): Tensor {
  const choice = Tensor.empty(weights.shape, weights.dtype, weights.device, 'hardChoice');
  const columns = weights.shape.at(-1)!;
  choice.data.fill(0);
  for (let start = 0; start < weights.size; start += columns) {
    let best = start;
    for (let i = start; i < start + columns; i++) if (weights.data[i]! > weights.data[best]!) best = i;
    if (columns > 0 && weights.data[best]! > 0) choice.data[best] = 1;
  }
  return choice;
}

/**
 * Soft weights `[..., S]` as a choice of one key, with the gradient of the estimator.
 *
 * @returns 1 at the largest weight of each row and 0 elsewhere; all 0 in a row of zeros
 */
export function hardWeights(soft: Tensor, estimator: HardEstimator): Tensor {
  const hard = hardChoice(soft);
  return estimator === 'none' ? hard : add(hard, sub(soft, soft.detach()));
}
