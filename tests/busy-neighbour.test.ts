/**
 * Launches beside a process that keeps a core busy: again and again the other thread is put aside in the middle of a task,
 * and for a while the calling thread begins launches alone (native/pool.c).
 */
import { spawn, spawnSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { getDevice, noGrad, scope, silu, type Tensor, tensor } from '../src/index.ts';
import { needDevice } from './support/devices.ts';

const RUN_FOR = 3000; // milliseconds
const busy = ['-e', 'for (;;);'];

it('short launches give the same bits', async (context) => {
  needDevice(context, 'native');
  const device = getDevice('native');
  const threads = device.threads();
  // In turns, so that what an earlier launch left in the memory is wrong; the last two do not end while a thread is alone.
  const inputs = [100_003, 100_003, 1_000_003, 1_000_003].map((length, phase) =>
    tensor(
      Float32Array.from({ length }, (_, i) => 8 * Math.sin(phase + i)),
      undefined,
      { device },
    ),
  );
  const launch = (input: Tensor): Uint8Array =>
    noGrad(() => scope(() => new Uint8Array((silu(input).data as Float32Array).slice().buffer)));
  device.setThreads(1);
  const alone = inputs.map(launch);
  const canPin = spawnSync('taskset', ['-V']).status === 0;
  const neighbour = canPin
    ? spawn('taskset', ['-c', '0', process.execPath, ...busy])
    : spawn(process.execPath, busy);
  device.setThreads(2);
  try {
    await pause(100);
    let wrong = 0;
    const start = performance.now();
    for (let turn = 0; performance.now() - start < RUN_FOR; turn++) {
      const which = (turn & 15) < 14 ? turn & 1 : 2 + (turn & 1);
      if (Buffer.compare(launch(inputs[which]!), alone[which]!) !== 0) wrong++;
    }
    expect(wrong).toBe(0);
  } finally {
    neighbour.kill();
    device.setThreads(threads);
  }
});
