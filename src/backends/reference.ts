/** The reference device: float64 arrays and no kernels, so every op runs its own definition. */
import { type Device, registerDevice } from '../core/device.ts';
import { BufferPool } from './pool.ts';
import { threadsOfEnvironment } from './threads.ts';

export function createReferenceDevice(): Device {
  const pool = new BufferPool({ create: (bytes) => ({ buffer: new ArrayBuffer(bytes), byteOffset: 0 }) });
  return {
    name: 'reference',
    floatType: 'float64',
    allocate: (dtype, length) => pool.allocate(dtype, length),
    release: (data) => pool.release(data),
    supports: () => false,
    launch: () => {},
    memory: () => pool.stats(),
    resetPeak: () => pool.resetPeak(),
    threads: () => 1,
    setThreads: () => {},
    describe: () => 'float64 TypeScript',
  };
}

export function registerReferenceDevice(): void {
  registerDevice({
    name: 'reference',
    create: () => {
      threadsOfEnvironment();
      return createReferenceDevice();
    },
  });
}
