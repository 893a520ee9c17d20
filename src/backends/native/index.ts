/** The native device: float32 memory outside the JavaScript heap and C kernels on a pool of threads. */
import { type Device, registerDevice } from '../../core/device.ts';
import { ConfigError } from '../../errors.ts';
import { BufferPool } from '../pool.ts';
import { bindingReason, call, loadBinding, type NativeBinding } from './binding.ts';
import { usableCores } from './cores.ts';

/** Threads asked for by HEED_THREADS; the physical cores by default. */
function defaultThreads(): number {
  const asked = process.env.HEED_THREADS;
  return asked === undefined ? usableCores() : parseThreads(asked, 'HEED_THREADS');
}

/**
 * @throws {ConfigError} when the text is not a whole number from 1 to 256
 */
export function parseThreads(text: string, where: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text.trim()) || count < 1 || count > 256) {
    throw new ConfigError({
      where,
      expected: 'a number of threads from 1 to 256',
      got: JSON.stringify(text),
    });
  }
  return count;
}

function createDevice(binding: NativeBinding): Device {
  const pool = new BufferPool({
    create: (bytes) => ({ buffer: binding.alloc(bytes), byteOffset: 0 }),
    discard: ({ buffer }) => binding.free(buffer as ArrayBuffer),
  });
  const kernels = new Set(binding.kernelNames);
  binding.proposeThreads(defaultThreads());
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
