/**
 * Root-mean-square normalisation: each vector is divided by the root of the mean of its squares.
 *
 * Paper: Zhang & Sennrich, Root Mean Square Layer Normalization, 2019, https://arxiv.org/abs/1910.07467
 */
import { defineOp } from '../../core/op.ts';
import { formatShape, type Shape, sizeOf } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { mul } from '../elementwise/binary.ts';
import { scale } from '../elementwise/scale.ts';
import { reciprocal, sqrt, square } from '../elementwise/unary.ts';
import { mean } from '../reduce/sum.ts';

interface RmsNormParams {
  readonly eps: number;
}

type RmsNormInputs = readonly [x: Tensor, weight: Tensor | null];

function rowsOf(x: Shape): number {
  return sizeOf(x.slice(0, -1));
}

const op = defineOp<RmsNormInputs, RmsNormParams>({
  name: 'rmsNorm',
  samples: [
    { inputs: [[4, 8], [8]], params: { eps: 1e-5 } },
    { inputs: [[2, 3, 33], [33]], params: { eps: 1e-6 } },
    { inputs: [[5, 10], null], params: { eps: 1e-2 }, note: 'no gain' },
    { inputs: [[3, 1], [1]], params: { eps: 1e-2 }, note: 'one channel' },
    { inputs: [[0, 4], [4]], params: { eps: 1e-5 } },
    { inputs: [[300, 16], [16]], params: { eps: 1e-5 }, note: 'several blocks of rows' },
  ],
  shape: ([x, weight]) => {
    if (weight && (weight.length !== 1 || weight[0] !== x.at(-1))) {
      throw new ShapeError({
        where: 'rmsNorm',
        expected: `weight of shape [${x.at(-1)}] for x of shape ${formatShape(x)}`,
        got: formatShape(weight),
        hint: 'weight has one entry for each channel of the last axis of x',
      });
    }
    return x;
  },
  flops: ([x]) => 5 * sizeOf(x),
  reference: ([x, weight], { eps }) => {
    const power = mean(square(x), { axes: -1, keepDims: true });
    const normal = mul(x, reciprocal(sqrt(scale(power, 1, eps))));
    return weight ? mul(normal, weight) : normal;
  },
  kernel: {
    names: ['rms_norm', 'rms_norm_backward'],
    saved: ([x]) => [{ shape: [rowsOf(x)], dtype: 'float' }],
    forward: ({ inputs: [x, weight], output, saved: [factors], params: { eps } }) => ({
      name: 'rms_norm',
      tensors: [output.data, factors!.data, x.data, weight?.data ?? null],
      ints: [x.shape.at(-1)!],
      floats: [eps],
      items: rowsOf(x.shape),
      workPerItem: x.shape.at(-1)! * 2,
    }),
    backward: ({ inputs: [x, weight], saved: [factors], grad, inputGrads: [dx, dWeight] }) => ({
      name: 'rms_norm_backward',
      tensors: [
        dx?.data ?? null,
        dWeight?.data ?? null,
        x.data,
        weight?.data ?? null,
        factors!.data,
        grad.data,
      ],
      ints: [rowsOf(x.shape), x.shape.at(-1)!],
      floats: [],
      items: 1,
    }),
  },
});

/**
 * `y = x / √(mean(x²) + eps) · weight` over the last axis.
 *
 * @param x - `[..., C]`
 * @param weight - gain `[C]`, or null
 * @param eps - added to the mean of the squares
 * @returns the shape of `x`
 * @throws {ShapeError} when `weight` is not `[C]`
 * @example
 * rmsNorm(tensor([[3, 4]]), null); // [[0.849, 1.131]], of mean square 1
 */
export function rmsNorm(x: Tensor, weight: Tensor | null, eps = 1e-5): Tensor {
  return op(x, weight, { eps });
}
