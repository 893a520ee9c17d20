/**
 * Two trainings with one seed and two threads end with the same weights, moments, metrics and samples, bit for bit, with
 * layers so wide that both threads have a part in most launches.
 */
import { join } from 'node:path';
import { expect, it, type TestContext } from 'vitest';
import type { Precision } from '../src/core/precision.ts';
import { type Device, getDevice, type KernelCall } from '../src/index.ts';
import { trainExperiment } from '../src/train/run.ts';
import { needDevice } from './support/devices.ts';
import { fingerprint, temporaryFolder, tinyExperiment } from './support/tiny-run.ts';

// From this much work on a launch is divided, see heed_launch in native/pool.c.
const SERIAL_WORK = 32768;

const wide = { dModel: 128, dFf: 512, numHeads: 4 };

/** Runs `body` on a number of threads; the result, and how many launches of each kernel are divided. */
async function divided<T>(device: Device, threads: number, body: () => Promise<T>) {
  const before = { threads: device.threads(), launch: device.launch };
  const calls = new Map<string, number>();
  device.launch = (call: KernelCall) => {
    // A kernel with a single item divides its work by itself.
    const isDivided = call.items > 1 && call.items * (call.workPerItem ?? 1) >= SERIAL_WORK;
    if (isDivided || call.items === 1) calls.set(call.name, (calls.get(call.name) ?? 0) + 1);
    before.launch(call);
  };
  device.setThreads(threads);
  try {
    return { result: await body(), calls };
  } finally {
    device.launch = before.launch;
    device.setThreads(before.threads);
  }
}

/** Hashes of everything that a training leaves. */
async function train(device: Device, threads: number, precision: Precision, seed = 1) {
  const folder = temporaryFolder();
  const training = { maxSteps: 8, precision, seed, gradAccumSteps: 1 };
  const experiment = tinyExperiment(folder, { data: { maxTokens: 200 }, model: wide, training });
  const run = join(folder, 'run');
  const { calls } = await divided(device, threads, () =>
    trainExperiment(experiment, { folder: run, device: 'native' }),
  );
  return { files: fingerprint(run), calls };
}

function needPrecision(context: TestContext, precision: Precision): Device {
  needDevice(context, 'native');
  const device = getDevice('native');
  if (precision === 'bf16' && device.bf16Unit === undefined) context.skip('no unit for bf16 on this machine');
  return device;
}

it.for<Precision>(['fp32', 'bf16'])(
  '%s: three trainings are one, with another seed another',
  { timeout: 120_000 },
  async (precision, context) => {
    const device = needPrecision(context, precision);
    const first = await train(device, 2, precision);
    const product = precision === 'bf16' ? 'gemm_bf16' : 'gemm';
    for (const kernel of [product, 'bias_activation_dropout', 'dropout_residual_norm', 'attention', 'adam'])
      expect(first.calls.get(kernel), `divided launches of ${kernel}`).toBeGreaterThanOrEqual(8);
    for (let again = 1; again < 3; again++)
      expect((await train(device, 2, precision)).files).toEqual(first.files);
    expect((await train(device, 2, precision, 2)).files).not.toEqual(first.files);
  },
);
