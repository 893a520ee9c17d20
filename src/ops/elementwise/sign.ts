/** The sign of each element. */
import { defineOp } from '../../core/op.ts';
import type { Tensor } from '../../core/tensor.ts';
import { unaryCode } from './codes.ts';

const op = defineOp<readonly [x: Tensor], Record<never, never>>({
  name: 'sign',
  samples: [
    { inputs: [[3, 5]], params: {} },
    { inputs: [[2, 33]], params: {} },
    { inputs: [[0]], params: {} },
    { inputs: [[]], params: {} },
    { inputs: [{ shape: [7], values: [-2, -0, 0, 2, Infinity, -Infinity, Number.NaN] }], params: {} },
  ],
  shape: ([x]) => x,
  differentiable: false,
  compute: ({ inputs: [x], output }) => {
    const [from, to] = [x.data, output.data];
    for (let i = 0; i < to.length; i++) to[i] = Math.sign(from[i]!);
  },
  kernel: {
    names: ['unary'],
    forward: ({ inputs: [x], output }) => ({
      name: 'unary',
      tensors: [output.data, x.data],
      ints: [unaryCode('sign')],
      floats: [],
      items: output.size,
    }),
  },
});

/** −1, 0 or 1; the gradient is zero almost everywhere and not recorded. */
export function sign(x: Tensor): Tensor {
  return op(x, {});
}
