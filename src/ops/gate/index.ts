/**
 * Activated gate times values, with dropout, in one pass over memory: the middle of a gated feed-forward network.
 *
 * Papers: Dauphin et al., Language Modeling with Gated Convolutional Networks, 2016, https://arxiv.org/abs/1612.08083;
 * Shazeer, GLU Variants Improve Transformer, 2020, https://arxiv.org/abs/2002.05202
 */
import { defineOp } from '../../core/op.ts';
import { formatShape, sameShape, sizeOf } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { type Activation, activationCode, activations } from '../activate/index.ts';
import { checkRate, type DropoutParams, dropout } from '../dropout/index.ts';
import { mul } from '../elementwise/binary.ts';

interface GateParams extends DropoutParams {
  readonly activation: Activation;
  /** Stores the output as bf16, for products that round it so anyway. */
  readonly rounded?: boolean;
}

const key = [9, 10] as const;

const op = defineOp<readonly [gate: Tensor, values: Tensor], GateParams>({
  name: 'gate',
  samples: [
    ...(Object.keys(activations) as Activation[]).map((activation) => ({
      inputs: [{ shape: [4, 9], awayFromZero: 0.1 }, [4, 9]],
      params: { activation, p: 0.3, key },
    })),
    {
      inputs: [
        [2, 3, 33],
        [2, 3, 33],
      ],
      params: { activation: 'silu', p: 0, key },
    },
    {
      inputs: [
        [300, 4],
        [300, 4],
      ],
      params: { activation: 'gelu', p: 0.1, key },
    },
    {
      inputs: [
        [0, 4],
        [0, 4],
      ],
      params: { activation: 'sigmoid', p: 0.1, key },
    },
  ],
  shape: ([gate, values]) => {
    if (!sameShape(gate, values)) {
      throw new ShapeError({
        where: 'gate',
        expected: `values of shape ${formatShape(gate)}, like the gate`,
        got: formatShape(values),
      });
    }
    return gate;
  },
  dtype: ({ rounded }) => (rounded ? 'bfloat16' : undefined),
  flops: ([gate]) => 7 * sizeOf(gate),
  reference: ([gate, values], { activation, p, key }) =>
    dropout(mul(activations[activation](gate), values), { p, key }),
  kernel: {
    names: ['gated_activation', 'gated_activation_backward'],
    forward: ({ inputs: [gate, values], output, params }) => ({
      name: 'gated_activation',
      tensors: [output.data, gate.data, values.data],
      ints: [
        gate.shape.at(-1)!,
        activationCode(params.activation),
        ...params.key,
        Number(params.rounded ?? false),
      ],
      floats: [params.p],
      items: sizeOf(gate.shape.slice(0, -1)),
      workPerItem: gate.shape.at(-1)! * 3,
    }),
    backward: ({ inputs: [gate, values], grad, inputGrads: [dGate, dValues], params }) => ({
      name: 'gated_activation_backward',
      tensors: [dGate?.data ?? null, dValues?.data ?? null, grad.data, gate.data, values.data],
      ints: [gate.shape.at(-1)!, activationCode(params.activation), ...params.key],
      floats: [params.p],
      items: sizeOf(gate.shape.slice(0, -1)),
      workPerItem: gate.shape.at(-1)! * 5,
    }),
  },
});

/**
 * `dropout(activation(gate) ⊙ values)`.
 *
 * @param gate - `[..., F]`
 * @param values - the shape of `gate`
 * @throws {ShapeError} when the two shapes differ
 * @throws {ConfigError} when the dropout rate is not at least 0 and below 1
 */
export function gate(gate: Tensor, values: Tensor, params: GateParams): Tensor {
  checkRate('gate', params.p);
  return op(gate, values, params);
}
