/** What the pool does where memory ends; the rest of it is exercised by every other test. */
import { expect, it } from 'vitest';
import { deviceNames, getDevice, whyUnavailable } from '../core/device.ts';
import { DeviceError } from '../errors.ts';
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
