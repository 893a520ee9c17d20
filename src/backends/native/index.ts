/** The native device: float32 memory outside the JavaScript heap and C kernels on a pool of threads. */
import { type Device, registerDevice } from '../../core/device.ts';
import { BufferPool } from '../pool.ts';
import { threadsOfEnvironment } from '../threads.ts';
import { bindingReason, call, loadBinding, type NativeBinding } from './binding.ts';
import { usableCores } from './cores.ts';
import { withinFreeMemory } from './free-memory.ts';

function createDevice(binding: NativeBinding): Device {
  const pool = new BufferPool({
    create: withinFreeMemory((bytes) => ({ buffer: binding.alloc(bytes), byteOffset: 0 })),
    discard: ({ buffer }) => binding.free(buffer as ArrayBuffer),
  });
  const kernels = new Set(binding.kernelNames);
  binding.proposeThreads(threadsOfEnvironment() ?? usableCores());
  return {
    name: 'native',
    floatType: 'float32',
    allocate: (dtype, length) => pool.allocate(dtype, length),
    release: (data) => pool.release(data),
    supports: (kernel) => kernels.has(kernel),
    launch: (launched) => call(launched.name, launched),
    memory: () => pool.stats(),
    resetPeak: () => pool.resetPeak(),
    threads: () => binding.threads(),
    setThreads: (count) => binding.setThreads(count),
    get bf16Unit() {
      return binding.bf16();
    },
    describe: () => `float32 C kernels, ${binding.isa()}`,
  };
}

export function registerNativeDevice(): void {
  registerDevice({
    name: 'native',
    create: () => {
      const binding = loadBinding();
      return binding ? createDevice(binding) : { unavailable: bindingReason() ?? 'unknown reason' };
    },
  });
}
