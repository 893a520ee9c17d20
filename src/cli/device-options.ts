/** `--device` and `--threads`, the same for every command that computes. */
import type { Command } from 'commander';
import { parseThreads } from '../backends/threads.ts';
import { defaultDevice, getDevice, setDefaultDevice, whyUnavailable } from '../core/device.ts';
import { note } from './output.ts';

export interface DeviceOptions {
  readonly device?: string;
  readonly threads?: string;
}

export function addDeviceOptions(command: Command): Command {
  return command
    .option('--device <name>', 'native, wasm or reference; the best one that is available by default')
    .option('--threads <n>', 'threads for kernels; HEED_THREADS or the physical cores by default');
}

/** Makes the options take effect. */
export function applyDeviceOptions({ device, threads }: DeviceOptions): void {
  const count = threads === undefined ? undefined : parseThreads(threads, '--threads');
  if (device !== undefined) setDefaultDevice(device);
  const chosen = device === undefined ? defaultDevice() : getDevice(device);
  if (count !== undefined) chosen.setThreads(count);
  if (device === undefined) noteSlowDevice(chosen.name);
}

/** Says what is used instead of the native kernels, and what that costs. */
function noteSlowDevice(name: string): void {
  if (name === 'native') return;
  const instead =
    name === 'wasm'
      ? ': using the wasm backend, on one thread and several times slower'
      : ` nor wasm ones (${whyUnavailable('wasm')}): the reference backend is about 100 times slower`;
  note(`note: no native kernels (${whyUnavailable('native')})${instead}`);
}
