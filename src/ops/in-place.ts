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

/**
 * Writes `rows` into `cache` from entry `at` of axis 1 on.
 *
 * @param cache - `[B, room, C]`
 * @param rows - `[B, T, C]` with at + T <= room
 */
export function writeRows(cache: Tensor, rows: Tensor, at: number): void {
  const [batch, room, width] = cache.shape as [number, number, number];
  const block = rows.shape[1]! * width;
  const { device } = cache;
  if (device.supports('copy_rows')) {
    device.launch({
      name: 'copy_rows',
      tensors: [cache.data, rows.data],
      ints: [batch, block, room * width, block, at * width, 0],
      floats: [],
      items: batch,
      workPerItem: block,
    });
    return;
  }
  for (let b = 0; b < batch; b++) {
    cache.data.set(rows.data.subarray(b * block, (b + 1) * block), (b * room + at) * width);
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
