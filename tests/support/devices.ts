/** Running one test on every device, and how near a device must come. */
import type { TestContext } from 'vitest';
import { it } from 'vitest';
import { deviceNames, whyUnavailable } from '../../src/index.ts';

/** Skips the running test, with its reason, where the device is missing. */
export function needDevice(context: TestContext, device: string): void {
  const why = whyUnavailable(device);
  if (why) context.skip(`${device}: ${why}`);
}

/** One test per registered device; a missing device is a skip with its reason. */
export function itOnEachDevice(name: string, body: (device: string) => void): void {
  it.for(deviceNames())(`${name}, on %s`, (device, context) => {
    needDevice(context, device);
    body(device);
  });
}

/** Largest difference that rounding explains: float64 on the reference device, float32 elsewhere. */
export function roundingOf(device: string): number {
  return device === 'reference' ? 1e-12 : 1e-5;
}
