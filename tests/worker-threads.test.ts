/** The engine in worker threads: the main thread's timers go on, and several workers do not disturb each other. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { defaultDevice } from '../src/index.ts';
import { builtPackage } from './support/built-package.ts';

/** `train(seed)` gives a function that does one step of a small language of random ids and returns the loss. */
const prelude = `
  const { parentPort, workerData } = await import('node:worker_threads');
  const { backward, crossEntropy, defaultDevice, mean, Random, scope, tensor, Transformer } =
    await import(workerData.entry);
  const { Adam } = await import(workerData.training);
  function train(seed) {
    const random = new Random(seed, 'worker');
    const config = { sourceVocabSize: 50, targetVocabSize: 50, dModel: 64, dFf: 128, numHeads: 4, dropout: 0 };
    const model = new Transformer({ ...config, numEncoderLayers: 1, numDecoderLayers: 1 }, { random });
    const optimizer = new Adam(model.namedParameters());
    const ids = () => tensor(Int32Array.from({ length: 16 * 12 }, () => 4 + random.integer(46)), [16, 12], { dtype: 'int32' });
    const [source, target, labels] = [ids(), ids(), ids()];
    return () => {
      const loss = scope(() => {
        const value = mean(crossEntropy(model.forward(source, target), labels));
        backward(value);
        return value.item();
      });
      optimizer.step(0.003);
      model.zeroGrad();
      return loss;
    };
  }`;

function startWorker(body: string, data: object): Worker {
  const dist = join(builtPackage(), 'dist');
  const url = (path: string): string => pathToFileURL(join(dist, path)).href;
  return new Worker(`(async () => {${prelude}\n${body}})();`, {
    eval: true,
    workerData: { entry: url('index.js'), training: url('train/index.js'), ...data },
  });
}

function messageOf<T>(worker: Worker): Promise<T> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve).once('error', reject);
  });
}

describe('the engine in a worker thread', () => {
  it('lets the timers of the main thread fire between its steps', async () => {
    const wanted = 40;
    const stepLimit = 100_000;
    const shared = new Int32Array(new SharedArrayBuffer(8));
    const [ticks, steps] = [0, 1];
    // The worker trains without a pause until the main thread's timer has fired often enough.
    const worker = startWorker(
      `const step = train(1);
       const shared = workerData.shared;
       while (Atomics.load(shared, 0) < ${wanted} && shared[1] < ${stepLimit}) { step(); shared[1]++; }
       parentPort.postMessage('done');`,
      { shared },
    );
    const seen: number[] = [];
    const timer = setInterval(() => {
      const done = Atomics.load(shared, steps);
      // Before its first step the worker only loads.
      if (done === 0) return;
      seen.push(done);
      Atomics.add(shared, ticks, 1);
    }, 1);
    await messageOf(worker);
    clearInterval(timer);
    expect(seen.length).toBeGreaterThanOrEqual(wanted);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(new Set(seen).size).toBeGreaterThan(2);
    expect(shared[steps]).toBeLessThan(stepLimit);
  });

  it('gives the bits of a worker alone when two train at once beside the main thread', async () => {
    const body = `
      const step = train(workerData.seed);
      parentPort.postMessage(Array.from({ length: 60 }, step));`;
    const losses = (seed: number): Promise<number[]> => messageOf(startWorker(body, { seed }));
    const alone = [await losses(1), await losses(2)];
    const together = await Promise.all([losses(1), losses(2), losses(1)]);
    expect(together).toEqual([...alone, alone[0]]);
    expect(alone[0]!.at(-1)).toBeLessThan(alone[0]![0]! / 2);
    expect(alone[0]).not.toEqual(alone[1]);
  });

  it('keeps the number of threads that the process has chosen', async () => {
    const device = defaultDevice();
    const before = device.threads();
    device.setThreads(device.name === 'native' ? 3 : 1);
    const chosen = device.threads();
    const worker = startWorker('train(1)(); parentPort.postMessage(defaultDevice().threads());', {});
    expect(await messageOf(worker)).toBe(chosen);
    expect(device.threads()).toBe(chosen);
    device.setThreads(before);
  });
});
