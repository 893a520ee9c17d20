/**
 * The device registry. A device owns memory and launches kernels; it knows nothing of any particular op.
 * Backends register themselves, so the core never imports one.
 */
import { DeviceError, suggest } from '../errors.ts';
import type { DType, FloatDType, TypedArray } from './dtype.ts';

/** One launch: the same convention for every kernel and every device. */
export interface KernelCall {
  readonly name: string;
  /** Outputs first, then inputs, all from the device's `allocate`; null where an optional one is absent. */
  readonly tensors: readonly (TypedArray | null)[];
  readonly ints: readonly number[];
  readonly floats: readonly number[];
  /** Independent work items, split over threads. */
  readonly items: number;
  /** Elements touched per item, so that small work stays on one thread. */
  readonly workPerItem?: number;
}

/** Bytes held by a device, for `heed bench` and the leak checks. */
export interface MemoryStats {
  /** In tensors that are alive. */
  readonly liveBytes: number;
  readonly peakBytes: number;
  /** Freed and kept for the next tensor of that size. */
  readonly pooledBytes: number;
  readonly liveBuffers: number;
}

/** What a backend gives: memory, kernels and threads. */
export interface Device {
  readonly name: string;
  readonly floatType: FloatDType;
  /** Uninitialised memory for `length` elements. */
  allocate(dtype: DType, length: number): TypedArray;
  release(data: TypedArray): void;
  supports(kernel: string): boolean;
  launch(call: KernelCall): void;
  memory(): MemoryStats;
  resetPeak(): void;
  /** Threads that kernels use; 1 where there is no pool. */
  threads(): number;
  setThreads(count: number): void;
  /** The unit that multiplies bf16 faster than fp32; absent where there is none. */
  readonly bf16Unit?: string | undefined;
  /** A short text for reports: instruction set, version. */
  describe(): string;
}

/** A device that may be missing on this machine: `create` answers why. */
export interface DeviceEntry {
  readonly name: string;
  readonly create: () => Device | { readonly unavailable: string };
}

const entries = new Map<string, DeviceEntry>();
const created = new Map<string, Device>();
let preferred: string | undefined;

/** Adds a backend; the first registered one that is available is the default. */
export function registerDevice(entry: DeviceEntry): void {
  entries.set(entry.name, entry);
}

/** Names of the registered devices, best first. */
export function deviceNames(): string[] {
  return [...entries.keys()];
}

function open(entry: DeviceEntry): Device | string {
  const known = created.get(entry.name);
  if (known) return known;
  const made = entry.create();
  if ('unavailable' in made) return made.unavailable;
  created.set(entry.name, made);
  return made;
}

/**
 * The device of that name.
 *
 * @throws {DeviceError} when the name is unknown or the device is not available here
 */
export function getDevice(name: string): Device {
  const entry = entries.get(name);
  if (!entry) {
    throw new DeviceError({
      where: 'device',
      expected: 'a known device',
      got: `"${name}"`,
      hint: suggest(name, deviceNames()),
    });
  }
  const device = open(entry);
  if (typeof device === 'string') {
    throw new DeviceError({
      where: `device ${name}`,
      problem: `not available: ${device}`,
      hint: 'leave the device out to use the best one that is available',
    });
  }
  return device;
}

/** Why a device cannot be used here; undefined when it can. */
export function whyUnavailable(name: string): string | undefined {
  const entry = entries.get(name);
  if (!entry) return 'unknown device';
  const device = open(entry);
  return typeof device === 'string' ? device : undefined;
}

/** The device on which tensors are made when none is named. */
export function defaultDevice(): Device {
  if (preferred !== undefined) return getDevice(preferred);
  for (const entry of entries.values()) {
    const device = open(entry);
    if (typeof device !== 'string') return device;
  }
  throw new DeviceError({
    where: 'device',
    problem: 'no device is registered',
    hint: "import 'heed', or 'heed/core' together with a backend",
  });
}

/** Sets the default device by name. */
export function setDefaultDevice(name: string): void {
  getDevice(name);
  preferred = name;
}

/** Runs `body` with another default device. */
export function withDevice<T>(name: string, body: () => T): T {
  const before = preferred;
  setDefaultDevice(name);
  try {
    return body();
  } finally {
    preferred = before;
  }
}
