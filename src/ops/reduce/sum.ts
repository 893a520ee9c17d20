/** Sums over axes, and the broadcast that is their gradient. */
import { defineOp } from '../../core/op.ts';
import {
  broadcastShapes,
  broadcastStrides,
  formatShape,
  resolveAxis,
  type Shape,
  sameShape,
  sizeOf,
  stridedOffsets,
} from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { scale } from '../elementwise/scale.ts';
import { reshape } from '../shape/reshape.ts';

interface SumParams {
  /** Neighbouring axes, from the front, that are summed: first and last. */
  readonly from: number;
  readonly to: number;
}

/** Splits a shape at a run of axes: elements before, inside and after. */
export function splitAt(
  shape: Shape,
  from: number,
  to: number,
): { outer: number; count: number; inner: number } {
  return {
    outer: sizeOf(shape.slice(0, from)),
    count: sizeOf(shape.slice(from, to + 1)),
    inner: sizeOf(shape.slice(to + 1)),
  };
}

const op = defineOp<readonly [x: Tensor], SumParams>({
  name: 'sum',
  samples: [
    { inputs: [[3, 5]], params: { from: 1, to: 1 } },
    { inputs: [[3, 5, 2]], params: { from: 0, to: 1 } },
    { inputs: [[4, 33]], params: { from: 0, to: 0 } },
    { inputs: [[2, 3, 4]], params: { from: 0, to: 2 }, note: 'everything' },
    { inputs: [[0, 4]], params: { from: 0, to: 0 }, note: 'an empty sum is 0' },
    { inputs: [[2, 0]], params: { from: 0, to: 0 }, note: 'no elements' },
  ],
  shape: ([x], { from, to }) => x.map((n, axis) => (axis >= from && axis <= to ? 1 : n)),
  flops: ([x]) => sizeOf(x),
  compute: ({ inputs: [x], output, params: { from, to } }) => {
    const { outer, count, inner } = splitAt(x.shape, from, to);
    const [source, target] = [x.data, output.data];
    const total = new Float64Array(inner);
    for (let o = 0; o < outer; o++) {
      total.fill(0);
      for (let n = 0; n < count; n++) {
        const at = (o * count + n) * inner;
        for (let i = 0; i < inner; i++) total[i]! += source[at + i]!;
      }
      target.set(total, o * inner);
    }
  },
  backward: ({ inputs: [x], grad }) => [broadcastTo(grad, x.shape)],
  kernel: {
    names: ['reduce_sum'],
    forward: ({ inputs: [x], output, params: { from, to } }) => {
      const { outer, count, inner } = splitAt(x.shape, from, to);
      return {
        name: 'reduce_sum',
        tensors: [output.data, x.data],
        ints: [outer, count, inner],
        floats: [],
        items: 1,
      };
    },
  },
});

const broadcastOp = defineOp<readonly [x: Tensor], { readonly shape: Shape }>({
  name: 'broadcastTo',
  samples: [
    { inputs: [[1, 3]], params: { shape: [4, 3] } },
    { inputs: [[2, 1]], params: { shape: [3, 2, 5] } },
    { inputs: [[]], params: { shape: [7] } },
    { inputs: [[1]], params: { shape: [0] } },
  ],
  shape: ([x], { shape }) => {
    if (!sameShape(broadcastShapes('broadcastTo', x, shape), shape)) {
      throw new ShapeError({
        where: 'broadcastTo',
        expected: `a shape that stretches to ${formatShape(shape)}`,
        got: formatShape(x),
        hint: 'only axes of size 1, or missing ones in front, can stretch',
      });
    }
    return shape;
  },
  flops: () => 0,
  compute: ({ inputs: [x], output }) => {
    const from = stridedOffsets(output.shape, broadcastStrides(x.shape, output.shape));
    const [source, target] = [x.data, output.data];
    for (let i = 0; i < target.length; i++) target[i] = source[from[i]!]!;
  },
  backward: ({ inputs: [x], grad }) => [sumTo(grad, x.shape)],
  kernel: {
    names: ['permute'],
    forward: ({ inputs: [x], output }) => {
      const rank = output.shape.length;
      if (rank === 0 || rank > 6) return undefined;
      const strides = broadcastStrides(x.shape, output.shape);
      return {
        name: 'permute',
        tensors: [output.data, x.data],
        ints: [rank, ...output.shape, ...strides],
        floats: [],
        items: output.size,
      };
    },
  },
});

/**
 * Repeats a tensor along axes of size 1 (or missing in front) until it has `shape`.
 *
 * @throws {ShapeError} when an axis that is not 1 would have to stretch
 */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  return sameShape(x.shape, shape) ? x : broadcastOp(x, { shape });
}

/** Sums a tensor over the axes along which `shape` was repeated to reach it: the gradient of a broadcast. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const extra = x.shape.length - shape.length;
  const axes = x.shape
    .map((_, axis) => axis)
    .filter((axis) => axis < extra || shape[axis - extra] !== x.shape[axis]);
  return reshape(sum(x, { axes, keepDims: true }), shape);
}

export interface ReduceOptions {
  /** Axes to reduce; all of them by default. Negative ones count from the end. */
  readonly axes?: number | readonly number[];
  /** Keeps the reduced axes with size 1. */
  readonly keepDims?: boolean;
}

/** Axes from the front, ascending, without doubles. */
export function resolveAxes(where: string, axes: ReduceOptions['axes'], rank: number): number[] {
  const wanted = axes === undefined ? Array.from({ length: rank }, (_, i) => i) : [axes].flat();
  return [...new Set(wanted.map((axis) => resolveAxis(where, axis, rank)))].sort((a, b) => a - b);
}

/** The shape after removing axes. */
export function without(shape: Shape, axes: readonly number[]): number[] {
  return shape.filter((_, axis) => !axes.includes(axis));
}

/**
 * Sum over axes.
 *
 * @param x - any shape
 * @returns the shape of `x` without the reduced axes, or with 1 there when `keepDims`
 * @throws {ShapeError} when `x` has no such axis
 * @example
 * sum(tensor([[1, 2], [3, 4]]), { axes: -1 }); // [3, 7]
 */
export function sum(x: Tensor, options: ReduceOptions = {}): Tensor {
  const axes = resolveAxes('sum', options.axes, x.shape.length);
  let result = x;
  for (let last = axes.length - 1; last >= 0; ) {
    let first = last;
    while (first > 0 && axes[first - 1] === axes[first]! - 1) first--;
    result = op(result, { from: axes[first]!, to: axes[last]! });
    last = first - 1;
  }
  return options.keepDims ? result : reshape(result, without(x.shape, axes));
}

/**
 * Arithmetic mean over axes; see `sum`.
 *
 * @example
 * mean(tensor([1, 2, 6])); // 3
 */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  const axes = resolveAxes('mean', options.axes, x.shape.length);
  const count = axes.reduce((n, axis) => n * x.shape[axis]!, 1);
  return scale(sum(x, options), 1 / count);
}
