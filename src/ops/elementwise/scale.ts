/** `factor · x + offset` with plain numbers. */
import { defineOp } from '../../core/op.ts';
import type { Tensor } from '../../core/tensor.ts';

interface ScaleParams {
  readonly factor: number;
  readonly offset: number;
}

const op = defineOp<readonly [x: Tensor], ScaleParams>({
  name: 'scale',
  samples: [
    { inputs: [[3, 7]], params: { factor: -2.5, offset: 0.5 } },
    { inputs: [[0]], params: { factor: 2, offset: 0 } },
    { inputs: [[]], params: { factor: 0, offset: 1 } },
  ],
  shape: ([x]) => x,
  flops: ([x]) => 2 * x.reduce((n, size) => n * size, 1),
  compute: ({ inputs: [x], output, params: { factor, offset } }) => {
    const [from, to] = [x.data, output.data];
    for (let i = 0; i < to.length; i++) to[i] = factor * from[i]! + offset;
  },
  backward: ({ grad, params: { factor } }) => [scale(grad, factor)],
  kernel: {
    names: ['scale'],
    forward: ({ inputs: [x], output, params: { factor, offset } }) => ({
      name: 'scale',
      tensors: [output.data, x.data],
      ints: [],
      floats: [factor, offset],
      items: output.size,
    }),
  },
});

/**
 * `factor · x + offset`.
 *
 * @param x - any shape
 * @param factor - a number
 * @param offset - a number, 0 by default
 */
export function scale(x: Tensor, factor: number, offset = 0): Tensor {
  return op(x, { factor, offset });
}
