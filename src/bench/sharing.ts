/** Training and decoding on one thread and on all, alone and beside a process that keeps a core busy. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import type { Device } from '../core/device.ts';
import { decodingRun } from './decode.ts';
import { benchShapes, median } from './shapes.ts';
import { trainingStep } from './train.ts';

/** What is measured: a step of training, or 32 tokens for each of a batch of texts. */
const works = {
  'train-base256': (device: Device) => trainingStep(benchShapes.base256, device),
  'train-tiny': (device: Device) => trainingStep(benchShapes.tiny, device),
  'decode-base256, batch 1': (device: Device) => decodingRun(benchShapes.base256, device, 1),
  'decode-base256, batch 32': (device: Device) => decodingRun(benchShapes.base256, device, 32),
} as const satisfies Readonly<Record<string, (device: Device) => () => void>>;

/** One situation. */
export interface SharingFigures {
  readonly work: string;
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
 * Measures each work on one thread and on all in turns.
 *
 * @param rounds - of three runs on one thread and three on all
 */
export function* measureSharing(device: Device, rounds: number): Generator<SharingFigures> {
  const canPin = spawnSync('taskset', ['-V']).status === 0;
  for (const [work, make] of Object.entries(works)) {
    const run = make(device);
    for (let i = 0; i < 3; i++) run();
    for (const beside of ['nothing', 'a process on one core', 'a process on any core'] as const) {
      if (beside === 'a process on one core' && !canPin) continue;
      yield { work, beside, ...inTurns(run, device, rounds, beside) };
    }
  }
}

/** Medians of a work on one thread and on all, in turns. */
function inTurns(
  run: () => void,
  device: Device,
  rounds: number,
  beside: SharingFigures['beside'],
): Omit<SharingFigures, 'work' | 'beside'> {
  const threads = device.threads();
  const timed = (count: number): number[] => {
    device.setThreads(count);
    return Array.from({ length: 3 }, () => {
      const start = performance.now();
      run();
      return performance.now() - start;
    });
  };
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
  return { msOneThread, msAllThreads, speedup: msOneThread / msAllThreads };
}
