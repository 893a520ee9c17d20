/**
 * Launches beside a process that keeps a core busy: again and again the other thread is put aside in the middle of a task,
 * and for a while the calling thread begins launches alone (native/pool.c).
 */
import { spawn, spawnSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { getDevice, noGrad, scope, silu, tensor } from '../src/index.ts';
import { needDevice } from './support/devices.ts';

const RUN_FOR = 1500; // milliseconds
const busy = ['-e', 'for (;;);'];

it('short launches give the same bits', async (context) => {
  needDevice(context, 'native');
  const device = getDevice('native');
  const threads = device.threads();
  const x = tensor(
    Float32Array.from({ length: 100_003 }, (_, i) => 8 * Math.sin(i)),
    undefined,
    { device },
  );
  const launch = (): Float32Array => noGrad(() => scope(() => silu(x).data.slice())) as Float32Array;
  device.setThreads(1);
  const alone = launch();
  const canPin = spawnSync('taskset', ['-V']).status === 0;
  const neighbour = canPin
    ? spawn('taskset', ['-c', '0', process.execPath, ...busy])
    : spawn(process.execPath, busy);
  device.setThreads(2);
  try {
    await pause(100);
    let wrong = 0;
    for (const start = performance.now(); performance.now() - start < RUN_FOR; ) {
      if (Buffer.compare(Buffer.from(launch().buffer), Buffer.from(alone.buffer)) !== 0) wrong++;
    }
    expect(wrong).toBe(0);
  } finally {
    neighbour.kill();
    device.setThreads(threads);
  }
});
