/** What the pool does where memory ends, and what it keeps; the rest of it is exercised by every other test. */
import { describe, expect, it } from 'vitest';
import { deviceNames, getDevice, whyUnavailable } from '../core/device.ts';
import { DeviceError } from '../errors.ts';
import { BufferPool } from './pool.ts';
import './register.ts';

it.for(deviceNames())(
  '%s: a tensor that memory cannot hold is a typed error, and the device lives on',
  (name, context) => {
    const why = whyUnavailable(name);
    if (why) context.skip(`${name}: ${why}`);
    const device = getDevice(name);
    const before = device.memory().liveBytes;
    // Above what Node takes as one buffer (4 GiB in Node 20), and above any address space.
    for (const elements of [5 * 2 ** 30, 2 ** 50]) {
      let thrown: unknown;
      try {
        device.release(device.allocate('int32', elements));
      } catch (error) {
        thrown = error;
      }
      if (elements === 2 ** 50) expect(thrown).toBeInstanceOf(DeviceError);
      if (thrown)
        expect(thrown).toMatchObject({ code: 'E_OUT_OF_MEMORY', hint: expect.stringContaining('smaller') });
    }
    expect(device.memory().liveBytes).toBe(before);
    const small = device.allocate('int32', 8);
    expect(small.fill(7)).toEqual(Int32Array.of(7, 7, 7, 7, 7, 7, 7, 7));
    device.release(small);
  },
);

describe('what is kept', () => {
  const MIB = 2 ** 20;

  /** A pool over one buffer that nobody writes to, what it asked for, and a step that uses so many MiB. */
  function counted() {
    const buffer = new ArrayBuffer(512 * MIB);
    const asked = { created: 0, discarded: 0 };
    const pool = new BufferPool({
      create: () => {
        asked.created++;
        return { buffer, byteOffset: 0 };
      },
      discard: () => void asked.discarded++,
    });
    const step = (mebibytes: number): void => pool.release(pool.allocate('int8', mebibytes * MIB));
    return { pool, asked, step };
  }

  it('is enough for steps of changing sizes: they ask for nothing after the first of each size', () => {
    const { asked, step } = counted();
    const sizes = [448, 320, 384];
    for (let pass = 0; pass < 4; pass++) for (const size of sizes) step(size);
    expect(asked).toEqual({ created: sizes.length, discarded: 0 });
  });

  it('is no more than was in use at one time and 512 MiB, and one piece', () => {
    const { pool, asked, step } = counted();
    const sizes = [40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256];
    for (const size of sizes) {
      step(size);
      const { peakBytes, pooledBytes } = pool.stats();
      expect(pooledBytes).toBeLessThanOrEqual(peakBytes + (512 + size) * MIB);
    }
    expect(asked.discarded).toBeGreaterThan(0);
    expect(pool.stats().liveBytes).toBe(0);
  });
});
