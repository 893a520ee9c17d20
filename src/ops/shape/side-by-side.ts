/** The launch that fills an axis of a tensor with pieces of others. */
import type { KernelCall } from '../../core/device.ts';
import { bytesOf } from '../../core/dtype.ts';
import type { Shape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';

/** Entries of the axis: those of a tensor from `start` on, or zeros. */
interface Piece {
  readonly source: Tensor | null;
  readonly start: number;
  readonly length: number;
}

/** Product of the axes from `first` up to before `end`; small slices are so quick that a copy of the shape would count. */
export function sizeBetween(shape: Shape, first: number, end: number): number {
  let size = 1;
  for (let axis = first; axis < end; axis++) size *= shape[axis]!;
  return size;
}

// Each is four arguments of a launch, which has room for some 4000.
const MOST_PIECES = 1000;

/** Pieces one after the other along an axis of the output; undefined where they are too many, or of other types. */
export function sideBySide(output: Tensor, axis: number, pieces: readonly Piece[]): KernelCall | undefined {
  if (pieces.length > MOST_PIECES) return undefined;
  const inner = sizeBetween(output.shape, axis + 1, output.shape.length);
  const tensors: KernelCall['tensors'][number][] = [output.data];
  const ints = [bytesOf(output.dtype), pieces.length];
  for (const { source, start, length } of pieces) {
    if (source && source.dtype !== output.dtype) return undefined;
    tensors.push(source?.data ?? null);
    ints.push(length * inner, source ? source.shape[axis]! * inner : 0, start * inner);
  }
  return { name: 'copy_blocks', tensors, ints, floats: [], items: output.size };
}

// A launch takes as long as some five copies in JavaScript; one of fewer elements has a single thread anyway.
const [FEW_BLOCKS, FEW_ELEMENTS] = [4, 32768];

/** Whether there are only a few short copies to do, `perRow` for each index over the axes before this one. */
export function areFewBlocks(output: Shape, axis: number, perRow: number): boolean {
  const rows = sizeBetween(output, 0, axis);
  return rows * perRow <= FEW_BLOCKS && rows * sizeBetween(output, axis, output.length) < FEW_ELEMENTS;
}
