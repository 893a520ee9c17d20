/** Devices that a test needs. */
import '../../src/backends/register.ts';
import type { TestContext } from 'vitest';
import { whyUnavailable } from '../../src/core/device.ts';

/** Skips the running test, with its reason, where the device is not available. */
export function needDevice(context: TestContext, name: string): void {
  const reason = whyUnavailable(name);
  if (reason !== undefined) context.skip(`no ${name} device: ${reason}`);
}
