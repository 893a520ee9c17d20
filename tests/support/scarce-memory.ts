/** A device that runs out of memory at a chosen allocation. */
import type { Device } from '../../src/core/device.ts';
import { bytesOf } from '../../src/core/dtype.ts';
import { OutOfMemoryError } from '../../src/errors.ts';

/**
 * Runs `body` while allocation number `failing` of the device, counted from 0, finds no memory.
 *
 * @returns the result or the error, and how many allocations were asked for
 */
export function withScarceMemory<T>(
  device: Device,
  failing: number,
  body: () => T,
): { readonly result?: T; readonly error?: unknown; readonly asked: number } {
  const { allocate } = device;
  let asked = 0;
  device.allocate = (dtype, length) => {
    if (asked++ === failing) {
      const bytes = bytesOf(dtype) * length;
      throw new OutOfMemoryError({ where: 'memory', what: 'a tensor', bytes, inUse: 0 });
    }
    return allocate(dtype, length);
  };
  try {
    return { result: body(), asked };
  } catch (error) {
    return { error, asked };
  } finally {
    device.allocate = allocate;
  }
}
