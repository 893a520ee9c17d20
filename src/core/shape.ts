/** Shapes: sizes of axes, row-major. The number of elements of `[]` is 1. */
import { ShapeError } from '../errors.ts';

/** Sizes of the dimensions, outermost first; empty for a single number. */
export type Shape = readonly number[];

/** Number of elements. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const n of shape) size *= n;
  return size;
}

/** Row-major strides in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

/** `[2, 3]` */
export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, axis) => n === b[axis]);
}

/**
 * The shape that two shapes broadcast to: aligned at the last axis, an axis of 1 stretches.
 *
 * @throws {ShapeError} when two axes differ and neither is 1
 */
export function broadcastShapes(where: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  for (let axis = 0; axis < rank; axis++) {
    const x = a[a.length - rank + axis] ?? 1;
    const y = b[b.length - rank + axis] ?? 1;
    if (x !== y && x !== 1 && y !== 1) {
      throw new ShapeError({
        where,
        expected: 'shapes that broadcast (aligned at the last axis, equal or 1)',
        got: `${formatShape(a)} and ${formatShape(b)}: axis ${axis} is ${x} and ${y}`,
        hint: 'reshape one of them, or add axes of size 1 where it should repeat',
      });
    }
    out[axis] = x === 1 ? y : x;
  }
  return out;
}

/** Strides with which a tensor of shape `from` is read as if it had shape `to`: 0 where it repeats. */
export function broadcastStrides(from: Shape, to: Shape): number[] {
  const strides = stridesOf(from);
  return to.map((_, axis) => {
    const own = axis - (to.length - from.length);
    return own < 0 || from[own] === 1 ? 0 : strides[own]!;
  });
}

/**
 * Where each element of a tensor of `shape` is read from, row-major, when axis i advances by `strides[i]`.
 *
 * @returns one offset per element
 */
export function stridedOffsets(shape: Shape, strides: readonly number[]): Int32Array {
  const offsets = new Int32Array(sizeOf(shape));
  const index = new Array<number>(shape.length).fill(0);
  for (let i = 0, at = 0; i < offsets.length; i++) {
    offsets[i] = at;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      at -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return offsets;
}

/**
 * An axis counted from the front; -1 is the last one.
 *
 * @throws {ShapeError} when the shape has no such axis
 */
export function resolveAxis(where: string, axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(resolved) || resolved < 0 || resolved >= rank) {
    throw new ShapeError({
      where,
      expected: `an axis between ${-rank} and ${rank - 1}`,
      got: String(axis),
      hint: `the tensor has ${rank} axes`,
    });
  }
  return resolved;
}
