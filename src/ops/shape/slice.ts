/** Part of an axis, the padding with zeros that is its gradient, and tensors one after the other. */
import { defineOp, type Op } from '../../core/op.ts';
import { formatShape, resolveAxis, type Shape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { areFewBlocks, sideBySide, sizeBetween } from './side-by-side.ts';

interface SliceParams {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
}

/** Copies blocks of `inner · length` elements between places on an axis. */
function copyBlocks(
  from: Tensor,
  to: Tensor,
  axis: number,
  [fromStart, toStart, length]: readonly [number, number, number],
): void {
  const inner = sizeBetween(from.shape, axis + 1, from.shape.length);
  const outer = sizeBetween(from.shape, 0, axis);
  const [fromStep, toStep] = [from.shape[axis]! * inner, to.shape[axis]! * inner];
  for (let o = 0; o < outer; o++) {
    const at = o * fromStep + fromStart * inner;
    to.data.set(from.data.subarray(at, at + length * inner), o * toStep + toStart * inner);
  }
}

const sliceOp: Op<readonly [x: Tensor], SliceParams> = defineOp<readonly [x: Tensor], SliceParams>({
  name: 'slice',
  samples: [
    { inputs: [[5, 3]], params: { axis: 0, start: 1, end: 4 } },
    { inputs: [[2, 7, 3]], params: { axis: 1, start: 0, end: 1 } },
    { inputs: [[2, 7]], params: { axis: 1, start: 3, end: 3 }, note: 'nothing' },
    { inputs: [[33, 19]], params: { axis: 1, start: 18, end: 19 }, note: 'single numbers' },
    { inputs: [[6, 5, 17]], params: { axis: 1, start: 1, end: 5 } },
    { inputs: [[5, 3]], params: { axis: 1, start: 0, end: 0 }, note: 'nothing of several' },
    { inputs: [[0, 7]], params: { axis: 1, start: 3, end: 5 }, note: 'of nothing' },
  ],
  shape: ([x], { axis, start, end }) => {
    if (!(start >= 0 && start <= end && end <= x[axis]!)) {
      throw new ShapeError({
        where: 'slice',
        expected: `0 <= start <= end <= ${x[axis]} on axis ${axis} of x of shape ${formatShape(x)}`,
        got: `start ${start}, end ${end}`,
      });
    }
    return x.map((n, i) => (i === axis ? end - start : n));
  },
  flops: () => 0,
  compute: ({ inputs: [x], output, params: { axis, start, end } }) =>
    copyBlocks(x, output, axis, [start, 0, end - start]),
  backward: ({ inputs: [x], grad, params: { axis, start } }) => [
    padOp(grad, { axis, before: start, size: x.shape[axis]! }),
  ],
  kernel: {
    names: ['copy_blocks'],
    isSmall: (output, _, { axis }) => areFewBlocks(output, axis, 1),
    forward: ({ inputs: [x], output, params: { axis, start, end } }) =>
      sideBySide(output, axis, [{ source: x, start, length: end - start }]),
  },
});

interface PadParams {
  readonly axis: number;
  readonly before: number;
  readonly size: number;
}

const padOp: Op<readonly [x: Tensor], PadParams> = defineOp<readonly [x: Tensor], PadParams>({
  name: 'pad',
  samples: [
    { inputs: [[3, 2]], params: { axis: 0, before: 1, size: 5 } },
    { inputs: [[2, 3, 2]], params: { axis: 1, before: 0, size: 4 } },
    { inputs: [[7, 3, 5]], params: { axis: 1, before: 2, size: 6 } },
    { inputs: [[33, 1]], params: { axis: 1, before: 6, size: 19 }, note: 'single numbers' },
    { inputs: [[6, 17]], params: { axis: 1, before: 0, size: 17 }, note: 'no zeros' },
    { inputs: [[6, 0, 3]], params: { axis: 1, before: 1, size: 2 }, note: 'zeros alone' },
    { inputs: [[0, 3]], params: { axis: 1, before: 1, size: 5 } },
  ],
  shape: ([x], { axis, before, size }) => {
    if (!(before >= 0 && before + x[axis]! <= size)) {
      throw new ShapeError({
        where: 'pad',
        expected: `room for ${x[axis]} entries on axis ${axis}`,
        got: `size ${size} with ${before} before`,
      });
    }
    return x.map((n, i) => (i === axis ? size : n));
  },
  flops: () => 0,
  compute: ({ inputs: [x], output, params: { axis, before } }) => {
    output.data.fill(0);
    copyBlocks(x, output, axis, [0, before, x.shape[axis]!]);
  },
  backward: ({ inputs: [x], grad, params: { axis, before } }) => [
    sliceOp(grad, { axis, start: before, end: before + x.shape[axis]! }),
  ],
  kernel: {
    names: ['copy_blocks'],
    isSmall: (output, _, { axis }) => areFewBlocks(output, axis, 1),
    forward: ({ inputs: [x], output, params: { axis, before, size } }) => {
      const length = x.shape[axis]!;
      return sideBySide(output, axis, [
        { source: null, start: 0, length: before },
        { source: x, start: 0, length },
        { source: null, start: 0, length: size - before - length },
      ]);
    },
  },
});

/**
 * Entries `start` … `end`−1 of an axis.
 *
 * @param x - any shape
 * @param axis - negative counts from the end
 * @param start - first entry; negative counts from the end
 * @param end - one past the last; the end of the axis by default
 * @throws {ShapeError} when the range is not inside the axis
 * @example
 * slice(x, 1, 0, 3); // [B, T, C] to [B, 3, C]
 */
export function slice(x: Tensor, axis: number, start: number, end?: number): Tensor {
  const resolved = resolveAxis('slice', axis, x.shape.length);
  const size = x.shape[resolved]!;
  const fromFront = (place: number): number => (place < 0 ? place + size : place);
  return sliceOp(x, { axis: resolved, start: fromFront(start), end: fromFront(end ?? size) });
}

/**
 * Zeros around an axis.
 *
 * @param size - entries of the axis in the result, of which `x` starts at `before`
 */
export function pad(x: Tensor, axis: number, before: number, size: number): Tensor {
  return padOp(x, { axis: resolveAxis('pad', axis, x.shape.length), before, size });
}

const concatOp = defineOp<readonly Tensor[], { readonly axis: number }>({
  name: 'concat',
  samples: [
    {
      inputs: [
        [2, 3],
        [1, 3],
        [2, 3],
      ],
      params: { axis: 0 },
    },
    {
      inputs: [
        [2, 3, 2],
        [2, 1, 2],
      ],
      params: { axis: 1 },
    },
    {
      inputs: [
        [2, 0],
        [2, 3],
      ],
      params: { axis: 1 },
    },
    {
      inputs: [
        [5, 2, 3],
        [5, 0, 3],
        [5, 1, 3],
        [5, 17, 3],
      ],
      params: { axis: 1 },
    },
    {
      inputs: [
        [17, 1],
        [17, 1],
        [17, 1],
      ],
      params: { axis: 1 },
      note: 'single numbers',
    },
    {
      inputs: [
        [1, 5],
        [2, 5],
        [0, 5],
        [1, 5],
        [3, 5],
      ],
      params: { axis: 0 },
    },
    {
      inputs: [
        [0, 2],
        [0, 3],
      ],
      params: { axis: 1 },
    },
  ],
  shape: (shapes, { axis }) => {
    const first = shapes[0] as Shape;
    for (const shape of shapes as readonly Shape[]) {
      if (shape.length !== first.length || shape.some((n, i) => i !== axis && n !== first[i])) {
        throw new ShapeError({
          where: 'concat',
          expected: `shapes equal to ${formatShape(first)} but for axis ${axis}`,
          got: formatShape(shape),
        });
      }
    }
    return first.map((n, i) =>
      i === axis ? (shapes as readonly Shape[]).reduce((t, s) => t + s[axis]!, 0) : n,
    );
  },
  flops: () => 0,
  compute: ({ inputs, output, params: { axis } }) => {
    let at = 0;
    for (const input of inputs) {
      copyBlocks(input, output, axis, [0, at, input.shape[axis]!]);
      at += input.shape[axis]!;
    }
  },
  backward: ({ inputs, grad, needs, params: { axis } }) => {
    let at = 0;
    return inputs.map((input, i) => {
      const start = at;
      at += input.shape[axis]!;
      return needs[i] ? sliceOp(grad, { axis, start, end: at }) : null;
    });
  },
  kernel: {
    names: ['copy_blocks'],
    isSmall: (output, tensors, { axis }) => areFewBlocks(output, axis, tensors.length),
    forward: ({ inputs, output, params: { axis } }) =>
      sideBySide(
        output,
        axis,
        inputs.map((source) => ({ source, start: 0, length: source.shape[axis]! })),
      ),
  },
});

/**
 * Tensors one after the other along an axis.
 *
 * @throws {ShapeError} when the other axes differ, or there is no tensor
 * @example
 * concat([a, b], 1);
 */
export function concat(tensors: readonly Tensor[], axis: number): Tensor {
  if (tensors.length === 0)
    throw new ShapeError({ where: 'concat', expected: 'at least one tensor', got: 'none' });
  const resolved = resolveAxis('concat', axis, tensors[0]!.shape.length);
  return concatOp(...tensors, { axis: resolved });
}
