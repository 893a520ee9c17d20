/** Instantiates the kernels' WebAssembly module and launches them; uses nothing of Node, knows no particular kernel. */
import { DeviceError, OutOfMemoryError, suggest } from '../../errors.ts';
import { type KernelArguments, writeArguments } from '../arguments.ts';
import { LinearMemory } from './linear-memory.ts';
import { type CompiledModule, WebAssembly } from './webassembly.ts';

/** Kernels and the memory that their tensors lie in. */
export interface WasmKernels {
  readonly names: readonly string[];
  readonly memory: LinearMemory;
  /**
   * Runs one kernel. Shapes are the caller's business, as with the native kernels.
   *
   * @throws {DeviceError} for an unknown kernel, too many arguments or a tensor outside the memory
   * @throws {OutOfMemoryError} when the kernel's working memory was not to be had
   */
  launch(name: string, given: KernelArguments): void;
}

/** What native/wasm/module.c and the linker export. */
interface ModuleExports {
  readonly __heap_base: { readonly value: number };
  readonly block: () => number;
  readonly blockLength: () => number;
  readonly kernelCount: () => number;
  readonly kernelName: (kernel: number) => number;
  readonly launch: (kernel: number) => number;
}

/** The sizes in scripts/build-wasm.mjs. */
const initialPages = 16;
const maximumPages = 65536;

/**
 * @param module - a build of the kernels, plain or relaxed
 * @param limit - the largest memory, in pages of 64 KiB; 4 GiB by default
 * @throws {RangeError} where not even the address space for the memory can be had
 */
export function instantiateKernels(module: CompiledModule, limit = maximumPages): WasmKernels {
  const shared = new WebAssembly.Memory({ initial: initialPages, maximum: limit, shared: true });
  const imports = {
    env: { memory: shared },
    math: { exp: Math.exp, log: Math.log, sin: Math.sin, cos: Math.cos },
    heed: {
      allocate: (bytes: number) => allocateScratch(memory, bytes >>> 0),
      release: (start: number, bytes: number) => memory.release(start >>> 0, bytes >>> 0),
    },
  };
  const exports = new WebAssembly.Instance(module, imports).exports as unknown as ModuleExports;
  const memory = new LinearMemory(shared, exports.__heap_base.value);
  const block = new Float64Array(shared.buffer, exports.block(), exports.blockLength());
  const names = Array.from({ length: exports.kernelCount() }, (_, kernel) =>
    readText(shared.buffer, exports.kernelName(kernel)),
  );
  const indexOf = new Map(names.map((name, index) => [name, index]));
  const addressOf = (view: ArrayBufferView): number => addressIn(memory, view);
  return {
    names,
    memory,
    launch: (name, given) => {
      const index = indexOf.get(name);
      if (index === undefined) throw unknownKernel(name, names);
      writeArguments(`wasm kernel ${name}`, block, given, addressOf);
      const lacking = exports.launch(index);
      if (lacking > 0) {
        const [what, inUse] = ['working memory', memory.usedBytes];
        throw new OutOfMemoryError({ where: `wasm kernel ${name}`, what, bytes: lacking, inUse });
      }
    },
  };
}

/** Where a kernel's working memory begins; 0 when there is no room. */
function allocateScratch(memory: LinearMemory, bytes: number): number {
  try {
    return memory.allocate(bytes).byteOffset;
  } catch {
    return 0;
  }
}

function addressIn(memory: LinearMemory, view: ArrayBufferView): number {
  if (memory.holds(view.buffer)) return view.byteOffset;
  throw new DeviceError({
    where: 'wasm',
    expected: "tensors in the device's memory",
    got: 'an array outside it',
    hint: 'make it with device.allocate, or with tensor(…)',
  });
}

function unknownKernel(name: string, names: readonly string[]): DeviceError {
  return new DeviceError({
    where: 'wasm',
    expected: 'the name of a kernel',
    got: `"${name}"`,
    hint: suggest(name, names),
  });
}

/** The text that ends with a 0 byte. */
function readText(buffer: ArrayBufferLike, start: number): string {
  const bytes = new Uint8Array(buffer, start);
  return String.fromCharCode(...bytes.subarray(0, bytes.indexOf(0)));
}
