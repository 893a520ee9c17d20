/** The affine layer: `x Wᵀ + b`. */
import { defineOp } from '../../core/op.ts';
import { formatShape, sizeOf } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { add } from '../elementwise/binary.ts';
import { gemmKernel, matmul } from '../matmul/index.ts';
import { sum } from '../reduce/sum.ts';
import { reshape } from '../shape/reshape.ts';

type LinearInputs = readonly [x: Tensor, weight: Tensor, bias: Tensor | null];

const op = defineOp<LinearInputs, Record<never, never>>({
  name: 'linear',
  samples: [
    { inputs: [[4, 8], [5, 8], [5]], params: {} },
    { inputs: [[2, 3, 7], [33, 7], [33]], params: {} },
    { inputs: [[3, 5], [4, 5], null], params: {} },
    { inputs: [[1, 17], [9, 17], [9]], params: {}, note: 'one row' },
    { inputs: [[0, 3], [4, 3], [4]], params: {} },
  ],
  shape: ([x, weight, bias]) => {
    if (weight.length !== 2 || weight[1] !== x.at(-1)) {
      throw new ShapeError({
        where: 'linear',
        expected: `weight [out, ${x.at(-1)}] for x of shape ${formatShape(x)}`,
        got: formatShape(weight),
        hint: 'the weight is stored as [out, in]',
      });
    }
    if (bias && (bias.length !== 1 || bias[0] !== weight[0])) {
      throw new ShapeError({ where: 'linear', expected: `bias [${weight[0]}]`, got: formatShape(bias) });
    }
    return [...x.slice(0, -1), weight[0]!];
  },
  forgetsOutput: true,
  flops: ([x, weight]) => 2 * sizeOf(x) * weight[0]!,
  reference: ([x, weight, bias]) => {
    const product = matmul(x, weight, { transposeB: true });
    return bias ? add(product, bias) : product;
  },
  backward: ({ inputs: [x, weight], grad, needs }) => {
    const [rows, gradRows] = [reshape(x, [-1, x.shape.at(-1)!]), reshape(grad, [-1, weight.shape[0]!])];
    return [
      needs[0] ? reshape(matmul(gradRows, weight), x.shape) : null,
      needs[1] ? matmul(gradRows, rows, { transposeA: true }) : null,
      needs[2] ? sum(gradRows, { axes: 0 }) : null,
    ];
  },
  kernel: {
    names: ['gemm'],
    bf16Name: 'gemm_bf16',
    forward: ({ inputs: [x, weight, bias], output }) => {
      const [n, k] = weight.shape as [number, number];
      const m = sizeOf(x.shape.slice(0, -1));
      const { name, stored } = gemmKernel(x, weight);
      return {
        name,
        tensors: [output.data, x.data, weight.data, bias?.data ?? null],
        ints: [0, 1, m, n, k, k, k, n, 0, 1, 0, 0, 0, ...stored],
        floats: [],
        items: 1,
      };
    },
  },
});

/**
 * `x Wᵀ + b` over the last axis.
 *
 * @param x - `[..., in]`
 * @param weight - `[out, in]`
 * @param bias - `[out]`, or null
 * @returns `[..., out]`
 * @throws {ShapeError} when the sizes do not fit
 */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  return op(x, weight, bias, {});
}
