/** Runs kernels for tests: every instruction set and WebAssembly build, one and two threads, guards around every array. */
import type { TestContext } from 'vitest';
import { expect } from 'vitest';
import {
  bindingReason,
  call,
  loadBinding,
  type NativeBinding,
  type NativeIsa,
} from '../../src/backends/native/binding.ts';
import { launchCopied, wasmBuilds } from './wasm-kernels.ts';

export type Numbers = Float32Array | Float64Array | Uint16Array | Int32Array | Int8Array | Uint8Array;

export interface KernelCase {
  readonly kernel: string;
  /** Contents before the call; null = absent. Fresh outputs come from `blank`. */
  readonly outputs: readonly (Numbers | null)[];
  readonly inputs?: readonly (Numbers | null)[];
  readonly ints?: readonly number[];
  readonly floats?: readonly number[];
  readonly items?: number;
}

/** Largest error allowed: `absolute + relative * |expected|`. */
export interface Tolerance {
  readonly absolute?: number;
  readonly relative?: number;
}

/** An output that the kernel must write in full: NaN everywhere. */
export const blank = (length: number): Float32Array => new Float32Array(length).fill(Number.NaN);

/** Pseudo-random numbers in [-1, 1), the same in every run. */
export function noise(length: number, seed = 1): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** The nearest bf16 numbers, of two equally near ones the even one, as the upper halves of their fp32 bits. */
export function bf16Bits(numbers: Float32Array): Uint16Array {
  const words = new Uint32Array(numbers.slice().buffer);
  return Uint16Array.from(words, (word, i) =>
    Number.isNaN(numbers[i]!) ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16,
  );
}

/** The numbers that stand for their nearest bf16 numbers. */
export function toBf16(numbers: Float32Array): Float32Array {
  return new Float32Array(Uint32Array.from(bf16Bits(numbers), (bits) => bits << 16).buffer);
}

/** The binding; skips the test, with its reason, where the kernels are not built. */
export function needBinding(context: TestContext): NativeBinding {
  const binding = loadBinding();
  if (!binding) context.skip(`no native kernels: ${bindingReason()}`);
  return binding!;
}

/** The instruction sets that this CPU has. */
export function availableIsas(binding: NativeBinding): NativeIsa[] {
  const before = binding.isa();
  const found = (['avx512', 'avx2', 'base'] as const).filter((name) => {
    try {
      binding.setIsa(name);
      return true;
    } catch {
      return false;
    }
  });
  binding.setIsa(before);
  return found;
}

const guardBytes = 64;
const guardByte = 0xff; // NaN in every float type

/** A copy that starts off every alignment but its element's own, between guard bytes. */
function guarded<T extends Numbers>(array: T): T {
  const offset = guardBytes + array.BYTES_PER_ELEMENT;
  const bytes = new Uint8Array(offset + array.byteLength + guardBytes).fill(guardByte);
  const copy = new (array.constructor as new (b: ArrayBuffer, o: number, n: number) => T)(
    bytes.buffer,
    offset,
    array.length,
  );
  copy.set(array as never);
  return copy;
}

function expectGuards(array: Numbers, what: string): void {
  const bytes = new Uint8Array(array.buffer);
  const end = array.byteOffset + array.byteLength;
  const touched = bytes.findIndex((byte, at) => (at < array.byteOffset || at >= end) && byte !== guardByte);
  expect(touched, `${what}: the byte outside the array that was written`).toBe(-1);
}

// So large that every launch is divided, however few its items.
const dividingWork = 1e6;

type Launch = typeof call;

function runOnce(test: KernelCase, launch: Launch): (Numbers | null)[] {
  const outputs = test.outputs.map((array) => array && guarded(array));
  const inputs = (test.inputs ?? []).map((array) => array && guarded(array));
  launch(test.kernel, {
    tensors: [...outputs, ...inputs],
    ints: test.ints ?? [],
    floats: test.floats ?? [],
    items: test.items ?? 1,
    workPerItem: dividingWork,
  });
  for (const [index, array] of outputs.entries()) if (array) expectGuards(array, `output ${index}`);
  for (const [index, array] of inputs.entries()) {
    if (array) expectGuards(array, `input ${index}`);
    const before = test.inputs?.[index];
    if (array && before) expect(sameBits(array, before), `input ${index} unchanged`).toBe(true);
  }
  return outputs;
}

function sameBits(a: Numbers, b: Numbers): boolean {
  return bytesOf(a).equals(bytesOf(b));
}

function bytesOf(array: Numbers): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}

/** Runs the case on every native instruction set; one and two threads must give the same bits. */
function runNative(binding: NativeBinding, test: KernelCase, check: Check): void {
  const before = { isa: binding.isa(), threads: binding.threads() };
  try {
    for (const isa of availableIsas(binding)) {
      binding.setIsa(isa);
      binding.setThreads(1);
      const alone = runOnce(test, call);
      binding.setThreads(2);
      const shared = runOnce(test, call);
      for (const [index, array] of alone.entries()) {
        const same = !array || sameBits(array, shared[index]!);
        expect(same, `${test.kernel} ${isa}: output ${index} on one and two threads`).toBe(true);
      }
      check(alone, isa);
    }
  } finally {
    binding.setIsa(before.isa);
    binding.setThreads(before.threads);
  }
}

/** What is expected of the outputs, and where they were computed. */
type Check = (outputs: (Numbers | null)[], target: string) => void;

/** Runs the case on everything that the kernels are compiled for and that this machine has. */
export function runKernel(context: TestContext, test: KernelCase, check: Check): void {
  const binding = wasmBuilds.length === 0 ? needBinding(context) : loadBinding();
  if (binding) runNative(binding, test, check);
  for (const build of wasmBuilds) {
    const launch: Launch = (name, given) => launchCopied(build, name, given);
    check(runOnce(test, launch), `wasm ${build}`);
  }
}

/** Whether `got` is within the tolerance; NaN equals NaN and an infinity itself. */
function isClose(got: number, want: number, { absolute = 0, relative = 0 }: Tolerance): boolean {
  if (Number.isNaN(want) || !Number.isFinite(want)) return Object.is(got, want);
  return Math.abs(got - want) <= absolute + relative * Math.abs(want);
}

/** Asserts that all numbers are close, naming the worst element. */
export function expectClose(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  what: string,
  tolerance: Tolerance = { absolute: 1e-6, relative: 1e-5 },
): void {
  expect(got.length, `${what}: length`).toBe(want.length);
  for (let n = 0; n < want.length; n++) {
    if (isClose(got[n]!, want[n]!, tolerance)) continue;
    expect.fail(`${what}[${n}]: expected ${want[n]}, got ${got[n]}`);
  }
}

/** Runs the case and compares its outputs; `null` leaves one out. */
export function expectKernel(
  context: TestContext,
  test: KernelCase,
  wanted: readonly (ArrayLike<number> | null)[],
  tolerance?: Tolerance,
): void {
  runKernel(context, test, (outputs, target) => {
    for (const [index, want] of wanted.entries()) {
      if (want) expectClose(outputs[index]!, want, `${test.kernel} ${target}: output ${index}`, tolerance);
    }
  });
}

/** The last int says whether a kernel stores its output as bf16: the numbers that it stores otherwise, rounded. */
export function expectRounded(context: TestContext, test: KernelCase): void {
  const whole = new Map<string, Uint16Array>();
  const [output] = test.outputs;
  runKernel(context, { ...test, ints: [...test.ints!, 0] }, ([y], target) => {
    whole.set(target, bf16Bits(y as Float32Array));
  });
  const short = { ...test, outputs: [new Uint16Array(output!.length)], ints: [...test.ints!, 1] };
  runKernel(context, short, ([y], target) =>
    expect(y, `${test.kernel} ${target}`).toEqual(whole.get(target)),
  );
}

/** The factor that dropout gives to element n: 0 or 1 / (1 - p). The scalar form of the documented hash. */
export function dropoutFactor(n: number, p: number, k0: number, k1: number): number {
  if (p === 0) return 1;
  let h = (Math.imul(n, 0x9e3779b9) + k0) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d) >>> 0;
  h = (h ^ (h >>> 15) ^ k1) >>> 0;
  h = Math.imul(h, 0x846ca68b) >>> 0;
  h = (h ^ (h >>> 16)) >>> 0;
  return h >>> 8 >= Math.round(p * 2 ** 24) ? 1 / (1 - p) : 0;
}

/** The error function by its series, or by its continued fraction far from 0; float64. */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (size < 3) {
    let term = size;
    let sum = size;
    for (let n = 1; n < 80; n++) {
      term *= -(size * size) / n;
      sum += term / (2 * n + 1);
    }
    return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (size + fraction);
  return Math.sign(x) * (1 - Math.exp(-size * size) / Math.sqrt(Math.PI) / (size + fraction));
}

/** The activations by name, in float64. */
export const activations: Readonly<Record<string, (x: number) => number>> = {
  none: (x) => x,
  relu: (x) => Math.max(0, x),
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  geluTanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  silu: (x) => x / (1 + Math.exp(-x)),
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
};
