import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { describe, expect, test, vi } from 'vitest';
import { availableIsas, needBinding, noise } from '../../../tests/support/native-kernels.ts';
import { DeviceError } from '../../errors.ts';
import { call, kernelIndex } from './binding.ts';

const run = promisify(execFile);
const addon = fileURLToPath(new URL('../../../build/heed.node', import.meta.url));

describe('native binding', () => {
  test('gives aligned memory of the asked size', (context) => {
    const binding = needBinding(context);
    for (const [bytes, alignment] of [
      [1, 64],
      [100, 64],
      [2 ** 21, 2 ** 21],
      [3e6, 2 ** 21],
    ] as const) {
      const buffer = binding.alloc(bytes);
      expect(buffer.byteLength).toBe(bytes);
      expect(binding.address(buffer) % alignment).toBe(0);
    }
    expect(binding.alloc(0).byteLength).toBe(0);
    expect(() => binding.alloc(-1)).toThrow('alloc: expected a number of bytes');
  });

  test('counts its memory as outside memory of the JavaScript heap', (context) => {
    const binding = needBinding(context);
    const before = process.memoryUsage().external;
    const buffer = binding.alloc(5e7);
    expect(process.memoryUsage().external - before).toBeGreaterThanOrEqual(buffer.byteLength);
  });

  test('gives memory back at once, without a turn of the event loop', (context) => {
    const binding = needBinding(context);
    const bytes = 2 ** 26;
    const resident = () => {
      const before = process.memoryUsage().rss;
      const buffer = binding.alloc(bytes);
      const view = new Uint8Array(buffer).fill(1);
      binding.free(buffer);
      expect([buffer.byteLength, view.length]).toEqual([0, 0]);
      binding.free(buffer);
      return process.memoryUsage().rss - before;
    };
    let grown = 0;
    for (let i = 0; i < 20; i++) grown += resident();
    expect(grown).toBeLessThan(4 * bytes);
  });

  test('frees a buffer once, also after the event loop has taken its memory away', async (context) => {
    const binding = needBinding(context);
    const buffers = Array.from({ length: 50 }, () => binding.alloc(100));
    for (const buffer of buffers) binding.free(buffer);
    await new Promise((resolve) => setTimeout(resolve, 10));
    const others = buffers.map(() => new Uint8Array(binding.alloc(100)).fill(7));
    for (const buffer of buffers) binding.free(buffer);
    expect(others.every((view) => view.length === 100 && view.every((value) => value === 7))).toBe(true);
  });

  test('takes views at any offset, of shared memory too', (context) => {
    const binding = needBinding(context);
    for (const buffer of [new ArrayBuffer(64), new SharedArrayBuffer(64), binding.alloc(64)]) {
      const all = new Float32Array(buffer).fill(1);
      const view = new Float32Array(buffer, 12, 5);
      call('scale', { tensors: [view, view], floats: [3, 0.5], items: 5 });
      expect([...all]).toEqual([1, 1, 1, 3.5, 3.5, 3.5, 3.5, 3.5, ...new Array(8).fill(1)]);
    }
  });

  test('names every kernel once', (context) => {
    const { kernelNames } = needBinding(context);
    expect(new Set(kernelNames).size).toBe(kernelNames.length);
    for (const [index, name] of kernelNames.entries()) expect(kernelIndex(name)).toBe(index);
  });

  test('an unknown kernel is a DeviceError that proposes one', (context) => {
    needBinding(context);
    expect(() => call('sofmax', { tensors: [], items: 1 })).toThrow(DeviceError);
    expect(() => call('sofmax', { tensors: [], items: 1 })).toThrow('did you mean "softmax"?');
  });

  test('too many arguments are refused before they overwrite anything', (context) => {
    needBinding(context);
    expect(() => call('fill', { tensors: [], ints: new Array(5000).fill(0), items: 1 })).toThrow(
      'at most 4091 arguments',
    );
  });

  test('launch refuses an index that is not a kernel and a block that is not valid', (context) => {
    const binding = needBinding(context);
    for (const index of [-1, binding.kernelNames.length, 'x' as never]) {
      expect(() => binding.launch(index)).toThrow('launch: expected the index of a kernel');
    }
    binding.args.fill(100_000);
    expect(() => binding.launch(0)).toThrow('launch: the argument block is not valid');
  });

  test('threads and instruction sets can be chosen, not imagined', (context) => {
    const binding = needBinding(context);
    const before = { threads: binding.threads(), isa: binding.isa() };
    binding.setThreads(3);
    expect(binding.threads()).toBe(3);
    expect(() => binding.setThreads(0)).toThrow('setThreads: expected a whole number, at least 1');
    for (const isa of availableIsas(binding)) {
      binding.setIsa(isa);
      expect(binding.isa()).toBe(isa);
    }
    expect(() => binding.setIsa('neon' as never)).toThrow('setIsa: expected an instruction set of this CPU');
    expect(availableIsas(binding)).toContain('base');
    binding.setThreads(before.threads);
    binding.setIsa(before.isa);
  });

  test('more threads than cores still finish every task', (context) => {
    const binding = needBinding(context);
    const before = binding.threads();
    binding.setThreads(9);
    const x = noise(100_000);
    const y = new Float32Array(x.length);
    for (let round = 1; round <= 200; round++) {
      call('scale', { tensors: [y, x], floats: [round, 0], items: x.length });
      const last = x.length - 1;
      expect(y[last]).toBe(Math.fround(x[last]! * round));
      expect(y[0]).toBe(Math.fround(x[0]! * round));
    }
    binding.setThreads(before);
  });

  test('several JavaScript threads launch at the same time', async (context) => {
    needBinding(context);
    const code = `
      const { parentPort, workerData } = require('node:worker_threads');
      const native = require(workerData);
      const n = 60000, x = new Float32Array(native.alloc(4 * n)).fill(2), y = new Float32Array(native.alloc(4 * n));
      const scale = native.kernelNames.indexOf('scale');
      let wrong = 0;
      for (let round = 1; round <= 300; round++) {
        native.args.set([n, 1, 2, 0, 2, native.address(y.buffer), native.address(x.buffer), round, 1]);
        native.launch(scale);
        for (let k = 0; k < n; k += 997) if (y[k] !== 2 * round + 1) wrong++;
      }
      parentPort.postMessage(wrong);`;
    const wrong = await Promise.all(
      [1, 2, 3].map(
        () =>
          new Promise((resolve, reject) => {
            const worker = new Worker(code, { eval: true, workerData: addon });
            worker.once('message', resolve).once('error', reject);
          }),
      ),
    );
    expect(wrong).toEqual([0, 0, 0]);
  });

  test('a worker that loads the addon first may end before the others', async (context) => {
    needBinding(context);
    const script = `
      const { Worker } = require('node:worker_threads');
      const work = \`const n = require('\${process.argv[1]}'); const x = new Float32Array(1e6);
        n.args.set([1e6, 1, 1, 0, 1, n.address(x.buffer), 7]); n.launch(n.kernelNames.indexOf('fill'));
        if (x[999999] !== 7) throw new Error('not filled');\`;
      const once = () => new Promise((done, fail) => new Worker(work, { eval: true }).once('error', fail).once('exit', done));
      once().then(once).then(() => setTimeout(() => console.log('fine'), 50));`;
    const { stdout } = await run(process.execPath, ['-e', script, addon]);
    expect(stdout.trim()).toBe('fine');
  });

  test('HEED_ISA chooses the instruction set, an unknown one is an error', async (context) => {
    needBinding(context);
    const script = 'console.log(require(process.argv[1]).isa())';
    const start = (isa: string) =>
      run(process.execPath, ['-e', script, addon], { env: { ...process.env, HEED_ISA: isa } });
    expect((await start('base')).stdout.trim()).toBe('base');
    await expect(start('sse9')).rejects.toThrow('expected an instruction set of this CPU');
  });

  test('HEED_NATIVE=off: no binding, and a reason', async () => {
    vi.stubEnv('HEED_NATIVE', 'off');
    vi.resetModules();
    try {
      const fresh = await import('./binding.ts');
      expect(fresh.loadBinding()).toBeUndefined();
      expect(fresh.bindingReason()).toBe('switched off by HEED_NATIVE=off');
      const fill = () => fresh.call('fill', { tensors: [], items: 1 });
      expect(fill).toThrow('expected the native kernels, got none (switched off by HEED_NATIVE=off)');
    } finally {
      vi.unstubAllEnvs();
    }
  });
});
