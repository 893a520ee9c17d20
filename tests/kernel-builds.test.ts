/**
 * Every op on everything that the kernels are compiled for: the instruction sets of this processor, each launch divided
 * among one and two threads, and WebAssembly without relaxed SIMD (with it, it is the `wasm` device of
 * conformance.test.ts, and only the large samples are added here). Output and gradients are the reference's; two threads
 * make the bits of one.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it, type TestContext, vi } from 'vitest';
import { createWasmDevice } from '../src/backends/wasm/index.ts';
import { registerDevice } from '../src/core/device.ts';
import { type AnyOp, definedOps } from '../src/core/op.ts';
import { type Device, getDevice, type KernelCall } from '../src/index.ts';
import { type AnySample, expectOutcome, labelOf, type Outcome, outcome } from './support/conformance.ts';
import { needDevice } from './support/devices.ts';
import { largeSamples } from './support/large-samples.ts';
import { availableIsas, needBinding } from './support/native-kernels.ts';
import { freshKernels, wasmBuilds } from './support/wasm-kernels.ts';

const isas = ['avx512', 'avx2', 'base'] as const;
type Isa = (typeof isas)[number];

/** What becomes of a launch on its way to the kernel; bugs are planted here. */
type Change = (call: KernelCall, threads: number) => KernelCall;
const unchanged: Change = (call) => call;

// So large that every launch is divided, however few its items.
const dividingWork = 1e6;

// Sums of many numbers, some of which nearly cancel.
const LARGE = { rtol: 2e-5, atol: 1e-5 };

const references = new Map<AnyOp, Map<AnySample, Outcome>>();

/** Several ops share samples, so it is kept by both. */
function referenceOf(op: AnyOp, sample: AnySample): Outcome {
  const ofOp = references.get(op) ?? new Map<AnySample, Outcome>();
  references.set(op, ofOp);
  const known = ofOp.get(sample) ?? outcome(op, sample, 'reference');
  ofOp.set(sample, known);
  return known;
}

const largeOf = (op: AnyOp): readonly AnySample[] => largeSamples[op.definition.name] ?? [];
const samplesOf = (op: AnyOp): readonly AnySample[] => [...op.definition.samples, ...largeOf(op)];

/** Runs `body` while launches of the device are changed, and fresh memory holds nothing but NaN. */
function withLaunches<T>(device: Device, change: (call: KernelCall) => KernelCall, body: () => T): T {
  const { launch, allocate } = device;
  device.launch = (call) => launch(change(call));
  device.allocate = (dtype, length) => {
    const array = allocate(dtype, length);
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength).fill(0xff);
    return array;
  };
  try {
    return body();
  } finally {
    Object.assign(device, { launch, allocate });
  }
}

const bytesOf = (numbers: Float64Array | null): Buffer =>
  numbers ? Buffer.from(numbers.buffer) : Buffer.alloc(0);

function sameBits(a: Outcome, b: Outcome): boolean {
  const same = (n: Float64Array | null, m: Float64Array | null): boolean => bytesOf(n).equals(bytesOf(m));
  return same(a.output, b.output) && a.grads.every((grad, i) => same(grad, b.grads[i]!));
}

function expectNumbers(
  op: AnyOp,
  device: string,
  what: string,
  samples = samplesOf(op),
): Map<AnySample, Outcome> {
  return new Map(
    samples.map((sample) => {
      const actual = outcome(op, sample, device);
      const tolerance = op.definition.samples.includes(sample) ? undefined : LARGE;
      expectOutcome(actual, referenceOf(op, sample), `${what}, ${labelOf(sample)}`, tolerance);
      return [sample, actual];
    }),
  );
}

/** Every sample of the op on an instruction set, divided among one thread and among two. */
function checkNative(context: TestContext, op: AnyOp, isa: Isa, change = unchanged): void {
  const binding = needBinding(context);
  if (!availableIsas(binding).includes(isa)) context.skip(`this processor has no ${isa}`);
  const before = { isa: binding.isa(), threads: binding.threads() };
  const run = (threads: number): Map<AnySample, Outcome> => {
    binding.setThreads(threads);
    const divided = (call: KernelCall): KernelCall => ({
      ...change(call, threads),
      workPerItem: dividingWork,
    });
    const what = `${threads} thread${threads === 1 ? '' : 's'}`;
    return withLaunches(getDevice('native'), divided, () => expectNumbers(op, 'native', what));
  };
  try {
    binding.setIsa(isa);
    const [alone, shared] = [run(1), run(2)];
    for (const [sample, numbers] of alone)
      expect(sameBits(numbers, shared.get(sample)!), `the bits of ${labelOf(sample)}`).toBe(true);
  } finally {
    binding.setIsa(before.isa);
    binding.setThreads(before.threads);
  }
}

/** Every sample of the op in WebAssembly, or some. */
function checkWasm(
  context: TestContext,
  op: AnyOp,
  change = unchanged,
  { device = 'wasm', samples = samplesOf(op) } = {},
): void {
  needDevice(context, device);
  withLaunches(
    getDevice(device),
    (call) => change(call, 1),
    () => expectNumbers(op, device, device, samples),
  );
}

const ops = [...definedOps()];

/** A device beside the plain `wasm`. */
const relaxed = 'wasm-relaxed';
registerDevice({
  name: relaxed,
  create: () =>
    wasmBuilds.includes('relaxed')
      ? { ...createWasmDevice(freshKernels('relaxed'), 'relaxed SIMD'), name: relaxed }
      : { unavailable: 'this runtime has no relaxed SIMD' },
});

beforeAll(() => {
  vi.stubEnv('HEED_WASM', 'plain');
  return () => vi.unstubAllEnvs();
});

describe.each(isas)('%s', (isa) => {
  it.for(ops)('%s equals the reference, with the same bits on one and two threads', ([, op], context) =>
    checkNative(context, op, isa),
  );
});

describe('WebAssembly without relaxed SIMD', () => {
  it('is what runs here', (context) => {
    needDevice(context, 'wasm');
    expect(getDevice('wasm').describe()).toBe('float32 C kernels in WebAssembly, SIMD');
  });

  it.for(ops)('%s equals the reference', ([, op], context) => checkWasm(context, op));
});

describe('large samples in WebAssembly with relaxed SIMD', () => {
  const enlarged = ops.filter(([, op]) => largeOf(op).length > 0);
  it.for(enlarged)('%s equals the reference', ([, op], context) =>
    checkWasm(context, op, unchanged, { device: relaxed, samples: largeOf(op) }),
  );
});

/** The same launch with another integer in one place. */
const withInt =
  (kernel: string, place: number, change: (value: number) => number): Change =>
  (call) =>
    call.name === kernel ? { ...call, ints: call.ints.with(place, change(call.ints[place]!)) } : call;

/** The same launch of a kernel with other arguments. */
const inKernel =
  (kernel: string, change: (call: KernelCall) => Partial<KernelCall>): Change =>
  (call) =>
    call.name === kernel ? { ...call, ...change(call) } : call;

/** Every row of an alignment as an entry of its own. */
const startingOver = ({ tensors, ints: [entries, outputs, places] }: KernelCall): Partial<KernelCall> => ({
  tensors: tensors.with(2, null),
  ints: [entries! * outputs!, 1, places!],
  items: Math.ceil((entries! * outputs!) / 4),
});

/** Where a row has three pieces, which is a padded one: the first and the last exchanged. */
const zerosBehind = ({ ints }: KernelCall): Partial<KernelCall> =>
  ints[1] === 3 ? { ints: ints.with(2, ints[8]!).with(8, ints[2]!) } : {};

const flipped = (value: number): number => 1 - value;
const bugs: readonly (readonly [name: string, op: string, change: Change])[] = [
  ['queries turned the other way', 'rotary', withInt('rotary', 6, flipped)],
  [
    'a table of distances one column late',
    'relativeAttention',
    withInt('relative_attention', 25, (n) => n + 1),
  ],
  [
    'its gradient by another key of dropout',
    'relativeAttention',
    withInt('relative_attention_backward', 20, (n) => n + 1),
  ],
  ['sequences read from the wrong end', 'recurrent', withInt('recurrent', 4, flipped)],
  ['gradients of states in the wrong order', 'recurrent', withInt('recurrent_backward', 4, flipped)],
  ['windows one row late', 'unfold', withInt('unfold', 5, (n) => n + 1)],
  ['windows added one row late', 'fold', withInt('fold', 5, (n) => n + 1)],
  ['keys that come later seen', 'additiveAttention', withInt('additive_attention', 5, (n) => n + 1)],
  [
    'single columns of a mask taken for all',
    'keepWhere',
    inKernel('keep_where', ({ ints }) => ({ ints: ints.with(-1, 0) })),
  ],
  [
    'every output starts at the first place',
    'monotonicAlignment',
    inKernel('monotonic_alignment', startingOver),
  ],
  ['blocks one number late', 'slice', withInt('copy_blocks', 4, (n) => n + 1)],
  ['zeros behind instead of before', 'pad', inKernel('copy_blocks', zerosBehind)],
  ['the last row left out', 'gatherLast', (call) => ({ ...call, items: call.items - 1 })],
  [
    'the last row left out on two threads',
    'scatterLast',
    (call, threads) => (threads === 2 ? { ...call, items: call.items - 1 } : call),
  ],
];

/** The assertion that `body` fails with. */
function failureOf(body: () => void): string | undefined {
  try {
    body();
  } catch (error) {
    if ((error as Error).name === 'AssertionError') return (error as Error).message;
    throw error;
  }
  return undefined;
}

describe('a planted bug is seen', () => {
  describe.each(isas)('%s', (isa) => {
    it.for(bugs)('%s', ([, name, change], context) => {
      const op = definedOps().get(name)!;
      expect(failureOf(() => checkNative(context, op, isa, change))).toBeDefined();
      checkNative(context, op, isa);
    });
  });

  it.for(bugs.filter(([name]) => !name.includes('threads')))(
    '%s, in WebAssembly',
    ([, name, change], context) => {
      expect(failureOf(() => checkWasm(context, definedOps().get(name)!, change))).toBeDefined();
    },
  );

  it('on two threads only: on one of them nothing is wrong', (context) => {
    const [, name, change] = bugs.at(-1)!;
    const failure = failureOf(() => checkNative(context, definedOps().get(name)!, isas.at(-1)!, change));
    expect(failure).toMatch(/^2 threads, /);
  });
});

describe('every kernel', () => {
  const root = new URL('../', import.meta.url);
  const text = (path: string): string => readFileSync(new URL(path, root), 'utf8');
  const kernels = [...text('native/kernels.def').matchAll(/^KERNEL_ENTRY\((\w+)\)/gm)].map(
    ([, name]) => name!,
  );
  const direct = readdirSync(new URL('src/backends/native', root))
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => text(`src/backends/native/${file}`))
    .join('\n');
  const ofOps = new Set(ops.flatMap(([, { definition }]) => definition.kernel?.names ?? []));

  it('belongs to an op that is tested here, or has tests of its own', () => {
    expect(kernels.length).toBeGreaterThan(50);
    const untested = kernels.filter((name) => !ofOps.has(name) && !direct.includes(`'${name}'`));
    // The probes compute nothing for anybody: src/bench/profile.test.ts says what they must give.
    expect(untested).toEqual(['probe_fma', 'probe_read', 'probe_triad']);
  });
});
