/** Axes in another order. */
import { bytesOf } from '../../core/dtype.ts';
import { defineOp } from '../../core/op.ts';
import { formatShape, resolveAxis, stridedOffsets, stridesOf } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';

interface PermuteParams {
  /** Axis of the input for each axis of the output. */
  readonly axes: readonly number[];
}

const op = defineOp<readonly [x: Tensor], PermuteParams>({
  name: 'permute',
  samples: [
    { inputs: [[3, 5]], params: { axes: [1, 0] } },
    { inputs: [[2, 3, 4, 5]], params: { axes: [0, 2, 1, 3] }, note: 'heads to the front' },
    { inputs: [[2, 3, 4]], params: { axes: [2, 0, 1] } },
    { inputs: [[0, 3]], params: { axes: [1, 0] } },
    { inputs: [[17, 33]], params: { axes: [1, 0] } },
  ],
  shape: ([x], { axes }) => axes.map((axis) => x[axis]!),
  flops: () => 0,
  compute: ({ inputs: [x], output, params: { axes } }) => {
    const own = stridesOf(x.shape);
    const strides = axes.map((axis) => own[axis]!);
    const from = stridedOffsets(output.shape, strides);
    const [source, target] = [x.data, output.data];
    for (let i = 0; i < target.length; i++) target[i] = source[from[i]!]!;
  },
  backward: ({ grad, params: { axes } }) => [permute(grad, inverse(axes))],
  kernel: {
    names: ['permute'],
    forward: ({ inputs: [x], output, params: { axes } }) => {
      if (axes.length > 6 || bytesOf(x.dtype) !== 4) return undefined;
      const own = stridesOf(x.shape);
      return {
        name: 'permute',
        tensors: [output.data, x.data],
        ints: [axes.length, ...output.shape, ...axes.map((axis) => own[axis]!)],
        floats: [],
        items: output.size,
      };
    },
  },
});

function inverse(axes: readonly number[]): number[] {
  const result = new Array<number>(axes.length);
  axes.forEach((axis, i) => {
    result[axis] = i;
  });
  return result;
}

/**
 * Axes in another order; the elements are copied.
 *
 * @param x - any shape
 * @param axes - for each axis of the result, the axis of `x` that it shows
 * @throws {ShapeError} when `axes` is not a permutation of the axes of `x`
 * @example
 * permute(x, [0, 2, 1, 3]); // [B, T, H, D] to [B, H, T, D]
 */
export function permute(x: Tensor, axes: readonly number[]): Tensor {
  const rank = x.shape.length;
  const resolved = axes.map((axis) => resolveAxis('permute', axis, rank));
  if (resolved.length !== rank || new Set(resolved).size !== rank) {
    throw new ShapeError({
      where: 'permute',
      expected: `each of the ${rank} axes of x of shape ${formatShape(x.shape)} once`,
      got: formatShape(axes),
    });
  }
  return op(x, { axes: resolved });
}

/** Swaps the last two axes. */
export function transpose(x: Tensor): Tensor {
  const rank = x.shape.length;
  return permute(x, [...Array.from({ length: rank - 2 }, (_, i) => i), rank - 1, rank - 2]);
}
