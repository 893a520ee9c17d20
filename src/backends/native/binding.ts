/** Loads the native kernels (build/heed.node) and calls them; knows nothing about any particular kernel. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { DeviceError, OutOfMemoryError, suggest } from '../../errors.ts';
import { type KernelArguments, writeArguments } from '../arguments.ts';

/** An instruction set that the kernels are compiled for. */
export type NativeIsa = 'avx512' | 'avx2' | 'base';

/** What the addon exports. */
export interface NativeBinding {
  /**
   * Memory aligned to 64 bytes (2 MiB with huge pages from 2 MiB on), contents undefined. It comes back when the
   * buffer is collected *and* the event loop turns, or when it is freed.
   */
  alloc(bytes: number): ArrayBuffer;
  /** Gives the memory back at once: the buffer and its views have length 0 afterwards. */
  free(buffer: ArrayBuffer): void;
  /** Where a buffer starts; of a typed array, where its first element is. */
  address(buffer: ArrayBuffer | ArrayBufferView): number;
  /** The argument block of `launch`, see `writeArguments`. */
  readonly args: Float64Array;
  /**
   * Runs a kernel on the argument block, on several threads when the work is worth it.
   *
   * @returns undefined, or the bytes of working memory that the kernel could not get: its outputs are undefined then
   */
  launch(kernelIndex: number): number | undefined;
  /** The kernels' names; a kernel's position is its index. */
  readonly kernelNames: readonly string[];
  /** Threads that kernels run on, the caller's included; one setting for the whole process. */
  setThreads(threads: number): void;
  /** The same where nobody has set or proposed a number before: a new JavaScript thread changes nothing. */
  proposeThreads(threads: number): void;
  threads(): number;
  /** Refuses kernels more working memory than this in one piece; `Infinity` lifts it. How tests run out of memory. */
  limitScratch(bytes: number): void;
  /** The instruction set in use; `HEED_ISA` or `setIsa` choose another. */
  isa(): NativeIsa;
  setIsa(name: NativeIsa): void;
  /** The unit with which `gemm_bf16` multiplies; undefined where it would do as `gemm` does. */
  bf16(): 'amx' | 'avx512_bf16' | undefined;
}

interface Loaded {
  readonly binding: NativeBinding;
  readonly indexOf: ReadonlyMap<string, number>;
}

let loaded: Loaded | undefined;
let reason: string | undefined;

// From src/backends/native as from dist/backends/native, the package's root is three folders up.
const addonPath = fileURLToPath(new URL('../../../build/heed.node', import.meta.url));

/**
 * The native kernels, or undefined where they are not built, are switched off (`HEED_NATIVE=off`) or do not load;
 * `bindingReason` then says why. The first call decides for the whole thread.
 */
export function loadBinding(): NativeBinding | undefined {
  if (loaded || reason) return loaded?.binding;
  if (process.env.HEED_NATIVE === 'off') {
    reason = 'switched off by HEED_NATIVE=off';
    return undefined;
  }
  if (!existsSync(addonPath)) {
    reason = 'build/heed.node is missing: install gcc or clang and run npm rebuild';
    return undefined;
  }
  try {
    const binding = createRequire(import.meta.url)(addonPath) as NativeBinding;
    loaded = { binding, indexOf: new Map(binding.kernelNames.map((name, index) => [name, index])) };
  } catch (error) {
    reason = `build/heed.node does not load: ${(error as Error).message}`;
  }
  return loaded?.binding;
}

/** Why `loadBinding` gave undefined; undefined when it did not. */
export function bindingReason(): string | undefined {
  return reason;
}

// The addon is asked once per buffer; a view's address follows from its offset.
const baseAddresses = new WeakMap<ArrayBufferLike, number>();

/** Address of a view's first element. */
function addressOf(binding: NativeBinding, view: ArrayBufferView): number {
  let base = baseAddresses.get(view.buffer);
  if (base === undefined) {
    // Through a view, because the addon's interface takes no SharedArrayBuffer by itself.
    base = binding.address(new Uint8Array(view.buffer));
    baseAddresses.set(view.buffer, base);
  }
  return base + view.byteOffset;
}

/** The index of a kernel for `launch`. @throws DeviceError for an unknown name, or without the native kernels */
export function kernelIndex(name: string): number {
  if (!loaded && !loadBinding()) {
    throw new DeviceError({
      where: `native kernel ${name}`,
      expected: 'the native kernels',
      got: `none (${reason})`,
      hint: 'use another device, or build them with npm rebuild',
    });
  }
  const index = loaded!.indexOf.get(name);
  if (index === undefined) {
    throw new DeviceError({
      where: 'native',
      expected: 'the name of a kernel',
      got: `"${name}"`,
      hint: suggest(name, loaded!.binding.kernelNames),
    });
  }
  return index;
}

/**
 * Runs one kernel. Shapes are the caller's business: a kernel reads and writes exactly what its integers say.
 *
 * @param name - of the kernel, see native/kernels.def; each kernel's arguments stand above it in native/kernels
 * @throws DeviceError for an unknown kernel, without the native kernels, or with too many arguments
 * @throws OutOfMemoryError when the kernel's working memory was not to be had
 * @example
 * const y = new Float32Array(3);
 * call('scale', { tensors: [y, new Float32Array([1, 2, 3])], floats: [2, 1], items: 3 }); // y is 3, 5, 7
 */
export function call(name: string, given: KernelArguments): void {
  const index = kernelIndex(name);
  const { binding } = loaded!;
  writeArguments(`native kernel ${name}`, binding.args, given, (view) => addressOf(binding, view));
  const lacking = binding.launch(index);
  if (lacking !== undefined) throw noWorkingMemory(name, lacking);
}

function noWorkingMemory(kernel: string, bytes: number): OutOfMemoryError {
  const { external } = process.memoryUsage();
  return new OutOfMemoryError({
    where: `native kernel ${kernel}`,
    what: 'working memory',
    bytes,
    inUse: external,
  });
}
