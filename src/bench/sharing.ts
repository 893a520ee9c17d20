/** Training on one thread and on all, alone and beside a process that keeps a core busy. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import type { Device } from '../core/device.ts';
import { benchShapes, median } from './shapes.ts';
import { trainingStep } from './train.ts';

/** One situation. */
export interface SharingFigures {
  /** What else runs. */
  readonly beside: 'nothing' | 'a process on one core' | 'a process on any core';
  readonly msOneThread: number;
  readonly msAllThreads: number;
  /** One thread's time over that of all threads: 1 is no gain, less is a loss. */
  readonly speedup: number;
}

const BUSY = ['-e', 'for (;;);'] as const;

function startBusy(beside: SharingFigures['beside']): ChildProcess | undefined {
  if (beside === 'nothing') return undefined;
  if (beside === 'a process on any core') return spawn(process.execPath, BUSY);
  return spawn('taskset', ['-c', '0', process.execPath, ...BUSY]);
}

/**
 * Measures a training step on one thread and on all in turns.
 *
 * @param rounds - of three steps on one thread and three on all
 */
export function* measureSharing(device: Device, rounds: number): Generator<SharingFigures> {
  const threads = device.threads();
  const step = trainingStep(benchShapes.base256, device);
  for (let i = 0; i < 3; i++) step();
  const timed = (count: number): number[] => {
    device.setThreads(count);
    return Array.from({ length: 3 }, () => {
      const start = performance.now();
      step();
      return performance.now() - start;
    });
  };
  const canPin = spawnSync('taskset', ['-V']).status === 0;
  for (const beside of ['nothing', 'a process on one core', 'a process on any core'] as const) {
    if (beside === 'a process on one core' && !canPin) continue;
    const busy = startBusy(beside);
    const [one, all]: [number[], number[]] = [[], []];
    try {
      for (let round = 0; round < rounds; round++) {
        one.push(...timed(1));
        all.push(...timed(threads));
      }
    } finally {
      busy?.kill();
      device.setThreads(threads);
    }
    const [msOneThread, msAllThreads] = [median(one), median(all)];
    yield { beside, msOneThread, msAllThreads, speedup: msOneThread / msAllThreads };
  }
}
