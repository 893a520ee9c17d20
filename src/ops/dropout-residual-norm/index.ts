/** Dropout, the residual connection and the norm behind it in one pass over memory: the end of a post-norm sublayer. */
import { defineOp } from '../../core/op.ts';
import { sizeOf } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { checkRate, type DropoutParams } from '../dropout/index.ts';
import { checkResidual, dropoutResidual } from '../dropout-residual/index.ts';
import { checkAffine, layerNorm } from '../layer-norm/index.ts';

type Inputs = readonly [x: Tensor, residual: Tensor, weight: Tensor | null, bias: Tensor | null];

/** Of the dropout, and what is added to the variance. */
export interface DropoutNormParams extends DropoutParams {
  readonly eps: number;
}

const params = { p: 0.3, key: [7, 8], eps: 1e-5 } as const;

const op = defineOp<Inputs, DropoutNormParams>({
  name: 'dropoutResidualNorm',
  samples: [
    { inputs: [[4, 9], [4, 9], [9], [9]], params },
    { inputs: [[2, 3, 33], [2, 3, 33], [33], [33]], params: { ...params, p: 0.1 } },
    { inputs: [[5, 10], [5, 10], null, null], params, note: 'no affine part' },
    { inputs: [[3, 5], [3, 5], [5], null], params: { ...params, p: 0 }, note: 'nothing is dropped' },
    { inputs: [[300, 4], [300, 4], [4], [4]], params, note: 'several blocks of rows' },
    { inputs: [[0, 4], [0, 4], [4], [4]], params },
  ],
  shape: ([x, residual, weight, bias]) => {
    checkResidual('dropoutResidualNorm', x, residual);
    checkAffine('dropoutResidualNorm', x, weight, bias);
    return x;
  },
  flops: ([x]) => 10 * sizeOf(x),
  reference: ([x, residual, weight, bias], { eps, ...dropout }) =>
    layerNorm(dropoutResidual(x, null, residual, dropout), weight, bias, eps),
  kernel: {
    names: ['dropout_residual_norm', 'dropout_residual_norm_backward'],
    saved: ([x]) => {
      const rows = [sizeOf(x.slice(0, -1))];
      return [x, rows, rows].map((shape) => ({ shape, dtype: 'float' }));
    },
    forward: ({ inputs: [x, residual, weight, bias], output, saved, params: { p, key, eps } }) => ({
      name: 'dropout_residual_norm',
      tensors: [output, ...saved, x, residual, weight, bias].map((tensor) => tensor?.data ?? null),
      ints: [x.shape.at(-1)!, ...key],
      floats: [p, eps],
      items: sizeOf(x.shape.slice(0, -1)),
      workPerItem: x.shape.at(-1)! * 4,
    }),
    backward: ({
      inputs: [x, , weight],
      saved: [sum, mean, rstd],
      grad,
      inputGrads,
      params: { p, key },
    }) => ({
      name: 'dropout_residual_norm_backward',
      tensors: [...inputGrads, sum!, weight, mean!, rstd!, grad].map((tensor) => tensor?.data ?? null),
      ints: [sizeOf(x.shape.slice(0, -1)), x.shape.at(-1)!, ...key],
      floats: [p],
      items: 1,
    }),
  },
});

/**
 * `layerNorm(residual + dropout(x))`, with the same bits as one after the other.
 *
 * Papers: Vaswani et al., 2017, §3.1 and §5.4; Ba, Kiros & Hinton, Layer Normalization, 2016,
 * https://arxiv.org/abs/1607.06450
 *
 * @param x - output of the sublayer, `[..., C]`
 * @param residual - input of the sublayer, the shape of `x`
 * @param weight - gain `[C]`, or null
 * @param bias - `[C]`, or null
 * @returns the shape of `x`
 * @throws {ShapeError} when `residual` has another shape than `x`, or `weight` or `bias` is not `[C]`
 * @throws {ConfigError} when the dropout rate is not at least 0 and below 1
 * @example
 * const params = { p: 0.1, key: [1, 2], eps: 1e-5 } as const;
 * dropoutResidualNorm(attended, x, gain, bias, params); // [B, T, C] like x
 */
export function dropoutResidualNorm(
  x: Tensor,
  residual: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  params: DropoutNormParams,
): Tensor {
  checkRate('dropoutResidualNorm', params.p);
  return op(x, residual, weight, bias, params);
}
