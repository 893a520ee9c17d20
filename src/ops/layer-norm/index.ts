/**
 * Layer normalisation: each vector is shifted and scaled to mean 0 and variance 1, then by a learned gain and bias.
 *
 * Paper: Ba, Kiros & Hinton, Layer Normalization, 2016, https://arxiv.org/abs/1607.06450
 */
import { defineOp } from '../../core/op.ts';
import { formatShape, type Shape, sizeOf } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { add, mul, sub } from '../elementwise/binary.ts';
import { scale } from '../elementwise/scale.ts';
import { reciprocal, sqrt, square } from '../elementwise/unary.ts';
import { mean } from '../reduce/sum.ts';

interface LayerNormParams {
  readonly eps: number;
}

type LayerNormInputs = readonly [x: Tensor, weight: Tensor | null, bias: Tensor | null];

function rowsOf(x: Shape): number {
  return sizeOf(x.slice(0, -1));
}

/** Gain and bias have one entry for each channel. */
export function checkAffine(where: string, x: Shape, weight: Shape | null, bias: Shape | null): void {
  for (const [name, shape] of [
    ['weight', weight],
    ['bias', bias],
  ] as const) {
    if (!shape || (shape.length === 1 && shape[0] === x.at(-1))) continue;
    throw new ShapeError({
      where,
      expected: `${name} of shape [${x.at(-1)}] for x of shape ${formatShape(x)}`,
      got: formatShape(shape),
      hint: `${name} has one entry for each channel of the last axis of x`,
    });
  }
}

const op = defineOp<LayerNormInputs, LayerNormParams>({
  name: 'layerNorm',
  samples: [
    { inputs: [[4, 8], [8], [8]], params: { eps: 1e-5 } },
    { inputs: [[2, 3, 33], [33], [33]], params: { eps: 1e-6 } },
    { inputs: [[5, 10], null, null], params: { eps: 1e-2 }, note: 'no affine part' },
    { inputs: [[5, 10], [10], null], params: { eps: 1e-5 } },
    { inputs: [[1, 2], [2], [2]], params: { eps: 1e-5 } },
    { inputs: [[0, 4], [4], [4]], params: { eps: 1e-5 } },
    { inputs: [[300, 16], [16], [16]], params: { eps: 1e-5 }, note: 'several blocks of rows' },
  ],
  shape: ([x, weight, bias]) => {
    checkAffine('layerNorm', x, weight, bias);
    return x;
  },
  flops: ([x]) => 8 * sizeOf(x),
  reference: ([x, weight, bias], { eps }) => {
    const centred = sub(x, mean(x, { axes: -1, keepDims: true }));
    const variance = mean(square(centred), { axes: -1, keepDims: true });
    const normal = mul(centred, reciprocal(sqrt(scale(variance, 1, eps))));
    const scaled = weight ? mul(normal, weight) : normal;
    return bias ? add(scaled, bias) : scaled;
  },
  kernel: {
    names: ['layer_norm', 'layer_norm_backward'],
    saved: ([x]) => [
      { shape: [rowsOf(x)], dtype: 'float' },
      { shape: [rowsOf(x)], dtype: 'float' },
    ],
    forward: ({ inputs: [x, weight, bias], output, saved: [mu, rstd], params: { eps } }) => ({
      name: 'layer_norm',
      tensors: [output.data, mu!.data, rstd!.data, x.data, weight?.data ?? null, bias?.data ?? null],
      ints: [x.shape.at(-1)!],
      floats: [eps],
      items: rowsOf(x.shape),
      workPerItem: x.shape.at(-1)! * 2,
    }),
    backward: ({ inputs: [x, weight], saved: [mu, rstd], grad, inputGrads: [dx, dWeight, dBias] }) => ({
      name: 'layer_norm_backward',
      tensors: [
        dx?.data ?? null,
        dWeight?.data ?? null,
        dBias?.data ?? null,
        x.data,
        weight?.data ?? null,
        mu!.data,
        rstd!.data,
        grad.data,
      ],
      ints: [rowsOf(x.shape), x.shape.at(-1)!],
      floats: [],
      items: 1,
    }),
  },
});

/**
 * `y = (x − μ) / √(σ² + eps) · weight + bias`, with mean μ and variance σ² of each vector of the last axis.
 *
 * @param x - `[..., C]`
 * @param weight - gain `[C]`, or null
 * @param bias - `[C]`, or null
 * @param eps - added to the variance
 * @returns the shape of `x`
 * @throws {ShapeError} when `weight` or `bias` is not `[C]`
 */
export function layerNorm(x: Tensor, weight: Tensor | null, bias: Tensor | null, eps = 1e-5): Tensor {
  return op(x, weight, bias, { eps });
}
