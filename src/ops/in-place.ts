/** Updates of memory, outside the tape: gradient sums and caches. */
import { sizeOf } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';

/** `a += b`; the shapes are equal. */
export function addInPlace(a: Tensor, b: Tensor): void {
  const { device } = a;
  if (device.supports('axpy')) {
    device.launch({ name: 'axpy', tensors: [a.data, b.data], ints: [], floats: [1], items: a.size });
    return;
  }
  const [to, from] = [a.data, b.data];
  for (let i = 0; i < to.length; i++) to[i]! += from[i]!;
}

/** Copies of rows: `width` elements each, from and to places that are a stride apart. */
interface RowCopies {
  readonly count: number;
  readonly width: number;
  readonly to: { readonly start: number; readonly stride: number };
  readonly from: { readonly start: number; readonly stride: number };
}

function copyRows(target: Tensor, source: Tensor, { count, width, to, from }: RowCopies): void {
  const { device } = target;
  if (device.supports('copy_rows')) {
    device.launch({
      name: 'copy_rows',
      tensors: [target.data, source.data],
      ints: [count, width, to.stride, from.stride, to.start, from.start],
      floats: [],
      items: count,
      workPerItem: width,
    });
    return;
  }
  for (let i = 0; i < count; i++) {
    const start = from.start + i * from.stride;
    target.data.set(source.data.subarray(start, start + width), to.start + i * to.stride);
  }
}

/**
 * Writes `rows` into `cache` from entry `at` of axis 1 on.
 *
 * @param cache - `[B, room, C]`
 * @param rows - `[B, T, W]` with at + T <= room and W >= C
 * @param column - the first of the C columns of `rows` that are taken
 */
export function writeRows(cache: Tensor, rows: Tensor, at: number, column = 0): void {
  const [batch, room, width] = cache.shape as [number, number, number];
  const [, length, row] = rows.shape as [number, number, number];
  if (row === width || length === 1) {
    copyRows(cache, rows, {
      count: batch,
      width: length * width,
      to: { start: at * width, stride: room * width },
      from: { start: column, stride: length * row },
    });
    return;
  }
  for (let b = 0; b < batch; b++) {
    copyRows(cache, rows, {
      count: length,
      width,
      to: { start: (b * room + at) * width, stride: width },
      from: { start: b * length * row + column, stride: row },
    });
  }
}

/**
 * Copies entries of axis 0 in a new order.
 *
 * @param target - `[N, ...]`
 * @param source - `[M, ...]`
 * @param places - N entries of `source`
 */
export function gatherRows(target: Tensor, source: Tensor, places: ArrayLike<number>): void {
  const width = sizeOf(source.shape.slice(1));
  for (let i = 0; i < places.length; i++) {
    target.data.set(source.data.subarray(places[i]! * width, (places[i]! + 1) * width), i * width);
  }
}
