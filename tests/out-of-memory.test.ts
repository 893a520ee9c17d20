/** Memory that runs out anywhere: the op and the shape are named, nothing leaks, and the next step is right. */
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadBinding } from '../src/backends/native/binding.ts';
import { bytesOf, type DType } from '../src/core/dtype.ts';
import { OutOfMemoryError } from '../src/errors.ts';
import {
  attention,
  backward,
  crossEntropy,
  defaultDevice,
  getDevice,
  layerNorm,
  matmul,
  mean,
  Random,
  scope,
  sum,
  type Tensor,
  Transformer,
  tensor,
  topK,
} from '../src/index.ts';
import { newestCheckpoint } from '../src/train/checkpoint.ts';
import { trainExperiment } from '../src/train/run.ts';
import { builtPackage } from './support/built-package.ts';
import { itOnEachDevice, needDevice } from './support/devices.ts';
import { withScarceMemory } from './support/scarce-memory.ts';
import { fingerprint, temporaryFolder, tinyExperiment } from './support/tiny-run.ts';

const sizes = { sourceVocabSize: 11, targetVocabSize: 11, dModel: 8, dFf: 12, numHeads: 2, dropout: 0 };

describe('a training step whose memory runs out at any of its allocations', () => {
  itOnEachDevice('names an op and a shape, frees everything, and can be done again', (name) => {
    const device = getDevice(name);
    const model = new Transformer(
      { ...sizes, numEncoderLayers: 1, numDecoderLayers: 1 },
      { random: new Random(1, 'oom'), device },
    );
    const ids = (...values: number[]): Tensor =>
      tensor(Int32Array.from(values), [2, 2], { dtype: 'int32', device });
    const [source, target, labels] = [ids(4, 5, 6, 7), ids(2, 8, 2, 9), ids(8, 3, 9, 3)];
    const step = (): number[] => {
      model.zeroGrad();
      scope(() =>
        backward(mean(crossEntropy(model.forward(source, target), labels, { labelSmoothing: 0.1 }))),
      );
      return model.parameters().flatMap((parameter) => [...parameter.grad!.data]);
    };
    const expected = step();
    model.zeroGrad();
    const { liveBuffers } = device.memory();
    const { asked } = withScarceMemory(device, -1, step);
    expect(asked).toBeGreaterThan(100);
    for (let failing = 0; failing < asked; failing++) {
      const { error } = withScarceMemory(device, failing, step);
      expect(error, `allocation ${failing}`).toBeInstanceOf(OutOfMemoryError);
      const { message, code } = error as OutOfMemoryError;
      expect(code).toBe('E_OUT_OF_MEMORY');
      const asked =
        /^[a-z]\w+(\.backward)?: out of memory: no room for a (\w+) tensor \[([\d, ]*)\] of ([\d,]+) bytes? beside /;
      expect(message).toMatch(asked);
      const [, , dtype, shape, bytes] = asked.exec(message)!;
      const elements = shape!.split(', ').reduce((size, n) => size * Number(n || 1), 1);
      expect(Number(bytes!.replaceAll(',', '')), message).toBe(elements * bytesOf(dtype as DType));
      expect(message).not.toMatch(/^memory/);
      model.zeroGrad();
      expect(device.memory().liveBuffers, message).toBe(liveBuffers);
    }
    expect(step()).toEqual(expected);
  });
});

describe('a kernel without working memory', () => {
  const random = new Random(4, 'scratch');
  const noise = (shape: readonly number[], requiresGrad = false): Tensor =>
    tensor(
      Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.normal()),
      shape,
      {
        device: 'native',
        requiresGrad,
      },
    );
  const gradientOf = (output: Tensor): void => backward(output, { grad: noise(output.shape) });
  const works: readonly (readonly [name: string, RegExp, () => unknown])[] = [
    [
      'matmul',
      /^matmul: .* inputs \[300, 300\] and \[300, 300\] of \d{1,3}(,\d{3})+ bytes beside /,
      () => matmul(noise([300, 300]), noise([300, 300]), { transposeB: true }),
    ],
    ['sum', /^sum: .* inputs \[200000\] of/, () => sum(noise([200_000]))],
    ['topK', /^topK: .* inputs \[40, 50\] of/, () => topK(noise([40, 50]), 3)],
    [
      'attention',
      /^attention: .* inputs \[2, 9, 8\] and \[2, 9, 8\] and \[2, 9, 8\]/,
      () => attention(noise([2, 9, 8]), noise([2, 9, 8]), noise([2, 9, 8]), null, { numHeads: 2 }),
    ],
  ];

  it.for(works)(
    '%s: names op and shapes on any number of threads, and works afterwards',
    ([, message, body], context) => {
      needDevice(context, 'native');
      const binding = loadBinding()!;
      const before = binding.threads();
      try {
        for (const threads of [1, 2, 3]) {
          binding.setThreads(threads);
          binding.limitScratch(0);
          expect(() => scope(body)).toThrow(message);
          binding.limitScratch(Number.POSITIVE_INFINITY);
          expect(() => scope(body)).not.toThrow();
        }
      } finally {
        binding.setThreads(before);
        binding.limitScratch(Number.POSITIVE_INFINITY);
      }
    },
  );

  it('backward: named too', (context) => {
    needDevice(context, 'native');
    const binding = loadBinding()!;
    scope(() => {
      const weight = noise([64], true);
      const output = layerNorm(noise([100, 64], true), weight, noise([64], true));
      binding.limitScratch(16);
      try {
        expect(() => gradientOf(output)).toThrow(
          /^layerNorm.backward: out of memory: .* inputs \[100, 64\] and \[64\]/,
        );
      } finally {
        binding.limitScratch(Number.POSITIVE_INFINITY);
      }
    });
  });
});

describe('what was asked for', () => {
  it.each([
    [1, 16, '1 byte beside 16 bytes in use'],
    [1_048_575, 0, '1,048,575 bytes beside 0 bytes in use'],
    [1_048_576, 12_345_678, '1,048,576 bytes (1.0 MiB) beside 12,345,678 bytes (11.8 MiB) in use'],
    [2 ** 41, 1e9, '2,199,023,255,552 bytes (2,097,152.0 MiB) beside 1,000,000,000 bytes (953.7 MiB) in use'],
  ])('%d bytes beside %d are said to the last one', (bytes, inUse, said) => {
    const error = new OutOfMemoryError({ where: 'matmul', what: 'a tensor', bytes, inUse });
    expect(error.statement).toBe(`matmul: out of memory: no room for a tensor of ${said}`);
  });
});

it('training that runs out of memory keeps its last checkpoint, and resumed ends with the same bits', async () => {
  const folder = temporaryFolder();
  const experiment = tinyExperiment(folder);
  await trainExperiment(experiment, { folder: join(folder, 'whole') });
  const device = defaultDevice();
  const run = join(folder, 'run');
  const { allocate } = device;
  const failed: unknown = await trainExperiment(experiment, {
    folder: run,
    onEvent: (event) => {
      if (event.type !== 'step' || event.step !== 15) return;
      device.allocate = (dtype, length) => {
        throw new OutOfMemoryError({ where: 'memory', what: `${dtype}`, bytes: length, inUse: 0 });
      };
    },
  }).catch((error: unknown) => error);
  device.allocate = allocate;
  expect(failed).toMatchObject({ code: 'E_OUT_OF_MEMORY' });
  expect(newestCheckpoint(run)!.checkpoint.facts.training!.step).toBe(15);
  await trainExperiment(experiment, { folder: run, resume: true });
  expect(fingerprint(run)).toEqual(fingerprint(join(folder, 'whole')));
});

it('a limit of the operating system is an error as well, and the process goes on', (context) => {
  needDevice(context, 'native');
  try {
    execFileSync('prlimit', ['--version']);
  } catch {
    context.skip('prlimit is not here');
  }
  const entry = pathToFileURL(join(builtPackage(), 'dist/index.js')).href;
  const script = `
    import { execFileSync } from 'node:child_process';
    import { readFileSync } from 'node:fs';
    import { full, matmul, scope } from ${JSON.stringify(entry)};
    const used = 1024 * Number(/VmSize:\\s*(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
    execFileSync('prlimit', ['--pid', String(process.pid), '--as=' + (used + 2 ** 29)]);
    const square = (n) => scope(() => { const x = full([n, n], 1); return matmul(x, x).data[n * n - 1]; });
    try { square(20_000); } catch (error) { console.log(error.code, error.message); }
    console.log(square(100));`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(
    /^E_OUT_OF_MEMORY \w+: out of memory: no room for a float32 tensor \[20000, 20000\] of 1,600,000,000 bytes \(1,525\.9 MiB\) beside .*\n100\n$/,
  );
});
