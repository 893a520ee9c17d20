/** `--device` and `--threads`, the same for every command that computes. */
import type { Command } from 'commander';
import { parseThreads } from '../backends/native/index.ts';
import { defaultDevice, getDevice, setDefaultDevice, whyUnavailable } from '../core/device.ts';
import { note } from './output.ts';

export interface DeviceOptions {
  readonly device?: string;
  readonly threads?: string;
}

export function addDeviceOptions(command: Command): Command {
  return command
    .option('--device <name>', 'native or reference; the best one that is available by default')
    .option('--threads <n>', 'threads for kernels; HEED_THREADS or the physical cores by default');
}

/** Makes the options take effect. */
export function applyDeviceOptions({ device, threads }: DeviceOptions): void {
  const count = threads === undefined ? undefined : parseThreads(threads, '--threads');
  if (device !== undefined) setDefaultDevice(device);
  const chosen = device === undefined ? defaultDevice() : getDevice(device);
  if (count !== undefined) chosen.setThreads(count);
  if (device === undefined && chosen.name === 'reference') {
    note(
      `note: no native kernels (${whyUnavailable('native')}): the reference backend is about 100 times slower`,
    );
  }
}
