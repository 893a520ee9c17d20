/** Bias, activation and dropout in one pass over memory: the middle of the feed-forward network. */
import { defineOp } from '../../core/op.ts';
import { formatShape, sizeOf } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { checkRate, type DropoutParams, dropout } from '../dropout/index.ts';
import { add } from '../elementwise/binary.ts';
import { gelu, geluTanh, relu, sigmoid, silu, tanh } from '../elementwise/unary.ts';

/** Names of the activations; their places are the codes of `bias_activation_dropout` in native. */
export const activationNames = ['none', 'relu', 'gelu', 'geluTanh', 'silu', 'tanh', 'sigmoid'] as const;

/** One of them. */
export type Activation = (typeof activationNames)[number];

/** Activations by name. */
export const activations: Readonly<Record<Activation, (x: Tensor) => Tensor>> = {
  none: (x) => x,
  relu,
  gelu,
  geluTanh,
  silu,
  tanh,
  sigmoid,
};

/** The number by which kernels know an activation. */
export function activationCode(activation: Activation): number {
  return activationNames.indexOf(activation);
}

interface ActivateParams extends DropoutParams {
  readonly activation: Activation;
  /** Stores the output as bf16, for products that round it so anyway. */
  readonly rounded?: boolean;
}

const key = [5, 6] as const;

const op = defineOp<readonly [x: Tensor, bias: Tensor | null], ActivateParams>({
  name: 'activate',
  samples: [
    ...activationNames.map((activation) => ({
      inputs: [{ shape: [4, 9], awayFromZero: 0.1 }, null],
      params: { activation, p: 0.3, key },
    })),
    { inputs: [[4, 33], [33]], params: { activation: 'gelu', p: 0, key } },
    { inputs: [[2, 3, 5], [5]], params: { activation: 'silu', p: 0.5, key } },
    { inputs: [[300, 4], [4]], params: { activation: 'tanh', p: 0.1, key }, note: 'several blocks of rows' },
    { inputs: [[0, 4], [4]], params: { activation: 'relu', p: 0.1, key } },
  ],
  shape: ([x, bias]) => {
    if (bias && (bias.length !== 1 || bias[0] !== x.at(-1))) {
      throw new ShapeError({ where: 'activate', expected: `bias [${x.at(-1)}]`, got: formatShape(bias) });
    }
    return x;
  },
  dtype: ({ rounded }) => (rounded ? 'bfloat16' : undefined),
  flops: ([x]) => 6 * sizeOf(x),
  reference: ([x, bias], { activation, p, key }) =>
    dropout(activations[activation](bias ? add(x, bias) : x), { p, key }),
  kernel: {
    names: ['bias_activation_dropout', 'bias_activation_dropout_backward'],
    forward: ({ inputs: [x, bias], output, params }) => ({
      name: 'bias_activation_dropout',
      tensors: [output.data, x.data, bias?.data ?? null],
      ints: [
        x.shape.at(-1)!,
        activationCode(params.activation),
        ...params.key,
        Number(params.rounded ?? false),
      ],
      floats: [params.p],
      items: sizeOf(x.shape.slice(0, -1)),
      workPerItem: x.shape.at(-1)! * 2,
    }),
    backward: ({ inputs: [x, bias], grad, inputGrads: [dx, dBias], params }) => ({
      name: 'bias_activation_dropout_backward',
      tensors: [dx?.data ?? null, dBias?.data ?? null, grad.data, x.data, bias?.data ?? null],
      ints: [sizeOf(x.shape.slice(0, -1)), x.shape.at(-1)!, activationCode(params.activation), ...params.key],
      floats: [params.p],
      items: 1,
    }),
  },
});

/**
 * `dropout(activation(x + bias))`.
 *
 * @param x - `[..., C]`
 * @param bias - `[C]`, or null
 * @throws {ShapeError} when `bias` is not `[C]`
 * @throws {ConfigError} when the dropout rate is not at least 0 and below 1
 */
export function activate(x: Tensor, bias: Tensor | null, params: ActivateParams): Tensor {
  checkRate('activate', params.p);
  return op(x, bias, params);
}
