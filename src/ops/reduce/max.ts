/** Largest element over the last axis, its place, and the k largest. */
import { defineOp } from '../../core/op.ts';
import { formatShape, sizeOf } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { div, mul, sub } from '../elementwise/binary.ts';
import { scale } from '../elementwise/scale.ts';
import { sign } from '../elementwise/sign.ts';
import { abs } from '../elementwise/unary.ts';
import { reshape } from '../shape/reshape.ts';
import { sum } from './sum.ts';

function lastAxis(where: string, shape: readonly number[]): number {
  const size = shape.at(-1);
  if (!size) {
    throw new ShapeError({ where, expected: 'a last axis with at least one entry', got: formatShape(shape) });
  }
  return size;
}

const maxOp = defineOp<readonly [x: Tensor], Record<never, never>>({
  name: 'max',
  samples: [
    { inputs: [[3, 5]], params: {} },
    { inputs: [[2, 2, 33]], params: {} },
    { inputs: [{ shape: [2, 3], values: [1, 3, 3, 2, 2, 2] }], params: {}, note: 'ties share the gradient' },
  ],
  shape: ([x]) => {
    lastAxis('max', x);
    return [...x.slice(0, -1), 1];
  },
  flops: ([x]) => sizeOf(x),
  compute: ({ inputs: [x], output }) => {
    const columns = x.shape.at(-1)!;
    for (let row = 0; row < output.size; row++) {
      let best = x.data[row * columns]!;
      for (let c = 1; c < columns; c++) best = Math.max(best, x.data[row * columns + c]!);
      output.data[row] = best;
    }
  },
  backward: ({ inputs: [x], output, grad }) => {
    const isMax = scale(sign(abs(sub(x, output))), -1, 1);
    const share = div(isMax, sum(isMax, { axes: -1, keepDims: true }));
    return [mul(share, grad)];
  },
  kernel: {
    names: ['reduce_max'],
    forward: ({ inputs: [x], output }) => ({
      name: 'reduce_max',
      tensors: [output.data, x.data],
      ints: [output.size, x.shape.at(-1)!, 1],
      floats: [],
      items: 1,
    }),
  },
});

/**
 * Largest element of each row of the last axis; equal ones share the gradient.
 *
 * @param x - `[..., C]` with C >= 1
 * @param options - `keepDims` keeps the last axis with size 1
 * @returns `[...]`
 * @throws {ShapeError} when the last axis is empty
 */
export function max(x: Tensor, options: { readonly keepDims?: boolean } = {}): Tensor {
  const result = maxOp(x, {});
  return options.keepDims ? result : reshape(result, x.shape.slice(0, -1));
}

const argmaxOp = defineOp<readonly [x: Tensor], Record<never, never>>({
  name: 'argmax',
  samples: [
    { inputs: [[3, 5]], params: {} },
    { inputs: [{ shape: [2, 3], values: [1, 3, 3, 2, 2, 2] }], params: {}, note: 'the first of equals' },
  ],
  shape: ([x]) => {
    lastAxis('argmax', x);
    return x.slice(0, -1);
  },
  dtype: 'int32',
  differentiable: false,
  flops: ([x]) => sizeOf(x),
  compute: ({ inputs: [x], output }) => {
    const columns = x.shape.at(-1)!;
    for (let row = 0; row < output.size; row++) {
      let best = 0;
      for (let c = 1; c < columns; c++)
        if (x.data[row * columns + c]! > x.data[row * columns + best]!) best = c;
      output.data[row] = best;
    }
  },
  kernel: {
    names: ['argmax'],
    forward: ({ inputs: [x], output }) => ({
      name: 'argmax',
      tensors: [output.data, x.data],
      ints: [x.shape.at(-1)!],
      floats: [],
      items: output.size,
      workPerItem: x.shape.at(-1)!,
    }),
  },
});

/** Place of the first largest element of each row: `[..., C]` to int32 `[...]`. */
export function argmax(x: Tensor): Tensor {
  return argmaxOp(x, {});
}

const topKOp = defineOp<readonly [x: Tensor], { readonly k: number }>({
  name: 'topK',
  samples: [
    { inputs: [[3, 5]], params: { k: 2 } },
    { inputs: [[2, 40]], params: { k: 8 } },
    {
      inputs: [{ shape: [2, 3], values: [1, 3, 3, 2, 2, 2] }],
      params: { k: 3 },
      note: 'ties: lowest place first',
    },
  ],
  shape: ([x], { k }) => {
    if (!(Number.isInteger(k) && k >= 1 && k <= lastAxis('topK', x))) {
      throw new ShapeError({ where: 'topK', expected: `k between 1 and ${x.at(-1)}`, got: String(k) });
    }
    return [...x.slice(0, -1), k];
  },
  dtype: 'int32',
  differentiable: false,
  flops: ([x]) => sizeOf(x),
  compute: ({ inputs: [x], output, params: { k } }) => {
    const columns = x.shape.at(-1)!;
    for (let row = 0; row < output.size / k; row++) {
      const values = x.data.subarray(row * columns, (row + 1) * columns);
      const places = Array.from(values, (_, i) => i).sort((a, b) => values[b]! - values[a]! || a - b);
      output.data.set(places.slice(0, k), row * k);
    }
  },
  kernel: {
    names: ['top_k'],
    saved: ([x], { k }) => [{ shape: [...x.slice(0, -1), k], dtype: 'float' }],
    forward: ({ inputs: [x], output, saved, params: { k } }) => ({
      name: 'top_k',
      tensors: [saved[0]!.data, output.data, x.data],
      ints: [x.shape.at(-1)!, k],
      floats: [],
      items: output.size / k,
      workPerItem: x.shape.at(-1)!,
    }),
  },
});

/**
 * Places of the k largest elements of each row, largest first; of equal ones the lowest place comes first.
 *
 * @param x - `[..., C]`
 * @returns int32 `[..., k]`; read the values with `gatherLast`
 * @throws {ShapeError} when k is not between 1 and C
 */
export function topK(x: Tensor, k: number): Tensor {
  return topKOp(x, { k });
}
