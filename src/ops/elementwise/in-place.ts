/** Updates of memory, outside the tape: gradient sums, caches. */
import type { Tensor } from '../../core/tensor.ts';

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
