/** The wasm device: the same C kernels as the native one, compiled to WebAssembly, on one thread. */
import { type Device, registerDevice } from '../../core/device.ts';
import type { TypedArray } from '../../core/dtype.ts';
import { BufferPool, type Released } from '../pool.ts';
import { threadsOfEnvironment } from '../threads.ts';
import type { WasmKernels } from './kernels.ts';
import { loadWasm } from './load.ts';

/** Gives arrays that nobody released, but nobody can reach either, back to the pool. */
function recycler(pool: BufferPool): FinalizationRegistry<Released> {
  return new FinalizationRegistry((piece) => pool.release(piece));
}

/** A device over instantiated kernels. */
export function createWasmDevice(kernels: WasmKernels, description: string): Device {
  const { memory } = kernels;
  const pool = new BufferPool({
    create: (bytes) => memory.allocate(bytes),
    discard: ({ byteOffset }, bytes) => memory.release(byteOffset, bytes),
  });
  memory.whenFull = () => pool.empty();
  const unreachable = recycler(pool);
  const names = new Set(kernels.names);
  return {
    name: 'wasm',
    floatType: 'float32',
    allocate: (dtype, length) => {
      const array = pool.allocate(dtype, length);
      const { buffer, byteOffset, byteLength } = array;
      unreachable.register(array, { buffer, byteOffset, byteLength }, array);
      return array;
    },
    release: (data: TypedArray) => {
      unreachable.unregister(data);
      pool.release(data);
    },
    supports: (kernel) => names.has(kernel),
    launch: (launched) => kernels.launch(launched.name, launched),
    memory: () => pool.stats(),
    resetPeak: () => pool.resetPeak(),
    threads: () => 1,
    setThreads: () => {},
    describe: () => description,
  };
}

export function registerWasmDevice(): void {
  registerDevice({
    name: 'wasm',
    create: () => {
      threadsOfEnvironment();
      const loaded = loadWasm();
      if ('unavailable' in loaded) return loaded;
      const simd = loaded.build === 'relaxed' ? 'relaxed SIMD' : 'SIMD';
      return createWasmDevice(loaded.kernels, `float32 C kernels in WebAssembly, ${simd}`);
    },
  });
}
