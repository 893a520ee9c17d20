/** The WebAssembly builds of the kernels for tests, and launches on arrays that lie anywhere. */
import type { KernelArguments } from '../../src/backends/arguments.ts';
import { instantiateKernels, type WasmKernels } from '../../src/backends/wasm/kernels.ts';
import { canRun, readBuild, type WasmBuild } from '../../src/backends/wasm/load.ts';
import { WebAssembly } from '../../src/backends/wasm/webassembly.ts';

const instances = new Map<WasmBuild, WasmKernels>();

/** Fresh kernels with their own memory of at most `limit` pages. */
export function freshKernels(build: WasmBuild, limit?: number): WasmKernels {
  return instantiateKernels(new WebAssembly.Module(readBuild(build)), limit);
}

function kernelsOf(build: WasmBuild): WasmKernels {
  const known = instances.get(build) ?? freshKernels(build);
  instances.set(build, known);
  return known;
}

/** The builds that this runtime can run. */
export const wasmBuilds = (['plain', 'relaxed'] as const).filter((build) => canRun(readBuild(build), build));

/** Copies the buffers of all tensors into the memory, whole, launches, and copies them back. */
export function launchCopied(build: WasmBuild, name: string, given: KernelArguments): void {
  const { memory, launch } = kernelsOf(build);
  const buffers = new Set(given.tensors.flatMap((view) => (view ? [view.buffer] : [])));
  const copies = new Map(
    [...buffers].map((buffer) => {
      const block = memory.allocate(buffer.byteLength);
      const copy = new Uint8Array(block.buffer, block.byteOffset, buffer.byteLength);
      copy.set(new Uint8Array(buffer));
      return [buffer, copy] as const;
    }),
  );
  const moved = (view: ArrayBufferView): ArrayBufferView => {
    const copy = copies.get(view.buffer)!;
    return new DataView(copy.buffer, copy.byteOffset + view.byteOffset, view.byteLength);
  };
  try {
    launch(name, { ...given, tensors: given.tensors.map((view) => view && moved(view)) });
  } finally {
    for (const [buffer, copy] of copies) {
      new Uint8Array(buffer).set(copy);
      memory.release(copy.byteOffset, copy.length);
    }
  }
}
