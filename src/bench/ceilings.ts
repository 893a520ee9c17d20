/** What this machine can do at most, measured by small probes: multiply-adds per second, and bytes per second. */
import type { Device, KernelCall } from '../core/device.ts';
import type { DType, TypedArray } from '../core/dtype.ts';
import type { KernelCost, ProductUnit } from './kernel-costs.ts';

/** Rates of memory whose working set has a size, all threads together. */
export interface Bandwidth {
  /** Bytes that the probe goes through again and again. */
  readonly bytes: number;
  /** GB/s of summing an array. */
  readonly read: number;
  /** GB/s of `y = x + ½ z`, two arrays read and one written. */
  readonly triad: number;
}

/** The ceilings of a device. */
export interface Ceilings {
  /** GFLOP/s of fp32 multiply-adds by number of threads. */
  readonly gflops: ReadonlyMap<number, number>;
  /** GFLOP/s of products in other numbers, all threads together; left out where fp32 multiplies them. */
  readonly products: ReadonlyMap<ProductUnit, number>;
  /** From the smallest working set, which the caches next to the cores hold, to one that only memory holds. */
  readonly bandwidths: readonly Bandwidth[];
}

/** Elements of one block of the memory probes, as native/kernels/probe.c has it. */
const BLOCK = 4096;
const MIB = 2 ** 20;

/** Seconds of the fastest of several bursts of launches: interruptions only ever add time. */
function fastest(device: Device, call: KernelCall, bytesOrFlops: number, expected: number): number {
  const launches = Math.max(1, Math.round((0.004 * expected) / bytesOrFlops));
  let best = Number.POSITIVE_INFINITY;
  for (let burst = 0; burst < 6; burst++) {
    const start = performance.now();
    for (let n = 0; n < launches; n++) device.launch(call);
    best = Math.min(best, (performance.now() - start) / launches / 1000);
  }
  return best;
}

/** GFLOP/s of multiply-adds in registers, on the threads that are set. */
function peakGflops(device: Device): number {
  const items = 8 * device.threads();
  const out = new Float32Array(items);
  const call = { name: 'probe_fma', tensors: [out], ints: [20_000], floats: [], items, workPerItem: 1e6 };
  device.launch(call);
  const flops = out[0]! * items;
  return flops / fastest(device, call, flops, 1e11) / 1e9;
}

/** Side of the square matrices of `peakProducts`: large enough to hide the rounding, and the caches hold them. */
const SIDE = 512;

/** As `peakGflops`, of the products themselves: nothing but their kernels reaches the units. */
function peakProducts(device: Device): Map<ProductUnit, number> {
  const flops = 2 * SIDE ** 3;
  const made: TypedArray[] = [];
  const make = (dtype: DType, one = 1, length = SIDE * SIDE): TypedArray => {
    const array = device.allocate(dtype, length).fill(one);
    made.push(array);
    return array;
  };
  const call = (name: string, tensors: KernelCall['tensors'], ints: readonly number[]): KernelCall => ({
    ...{ name, tensors: [make('float32'), ...tensors], ints, floats: [], items: 1 },
  });
  const calls: [ProductUnit, KernelCall][] = [];
  if (device.bf16Unit !== undefined) {
    const matrix = () => make('bfloat16', 0x3f80);
    const ints = [0, 0, SIDE, SIDE, SIDE, SIDE, SIDE, SIDE, 0, 1, 0, 0, 0, 1, 1];
    calls.push(['bf16', call('gemm_bf16', [matrix(), matrix(), null], ints)]);
  }
  if (device.supports('quantized_linear')) {
    const tensors = [make('int8'), make('float32', 1, SIDE), make('float32'), null];
    calls.push(['int8', call('quantized_linear', tensors, [SIDE, SIDE, SIDE, 8])]);
  }
  const peaks = calls.map(
    ([unit, work]) => [unit, flops / fastest(device, work, flops, 1e12) / 1e9] as const,
  );
  for (const array of made) device.release(array);
  return new Map(peaks);
}

function bandwidth(device: Device, bytes: number): Bandwidth {
  const blocks = (share: number): number => Math.max(1, Math.floor(bytes / share / (4 * BLOCK)));
  const make = (count: number) => device.allocate('float32', count * BLOCK).fill(1);
  const [n, m] = [blocks(1), blocks(3)];
  const [x, sums] = [make(n), device.allocate('float32', n)];
  const triad = [make(m), make(m), make(m)];
  const rate = (name: string, tensors: KernelCall['tensors'], items: number, moved: number): number => {
    const ints = [Number(bytes > 64 * MIB)];
    const call = { name, tensors, ints, floats: [], items, workPerItem: BLOCK };
    return moved / fastest(device, call, moved, 3e10) / 1e9;
  };
  const result = {
    bytes,
    read: rate('probe_read', [sums, x], n, 4 * BLOCK * n),
    triad: rate('probe_triad', triad, m, 12 * BLOCK * m),
  };
  for (const array of [x, sums, ...triad]) device.release(array);
  return result;
}

/** 1, 2, 4 … and all threads. */
function threadCounts(all: number): number[] {
  const counts = [];
  for (let count = 1; count < all; count *= 2) counts.push(count);
  return [...counts, all];
}

/**
 * Measures the ceilings of a device in about half a second; undefined where it has no probes.
 *
 * @example
 * measureCeilings(getDevice('native'))?.gflops.get(1); // GFLOP/s of one thread
 */
export function measureCeilings(device: Device): Ceilings | undefined {
  if (!['probe_fma', 'probe_read', 'probe_triad'].every((name) => device.supports(name))) return undefined;
  const threads = device.threads();
  const gflops = new Map<number, number>();
  for (const count of threadCounts(threads)) {
    device.setThreads(count);
    gflops.set(count, peakGflops(device));
  }
  device.setThreads(threads);
  const sizes = [(threads * MIB) / 4, 8 * MIB, 24 * MIB, 192 * MIB];
  return {
    gflops,
    products: peakProducts(device),
    bandwidths: sizes.map((bytes) => bandwidth(device, bytes)),
  };
}

/** Milliseconds of the operations of some work at the peak of what does them. */
export function arithmeticOf({ gflops, products }: Ceilings, { flops, unit }: KernelCost): number {
  const peak = (unit && products.get(unit)) ?? Math.max(...gflops.values());
  return flops / peak / 1e6;
}

/**
 * The least time that some work can take: `max(flops / peak, bytes / bandwidth)`, the bandwidth that of the smallest
 * working set measured that holds these bytes.
 *
 * @returns milliseconds
 */
export function floorOf(ceilings: Ceilings, cost: KernelCost): number {
  const { bandwidths } = ceilings;
  const { read, triad } = bandwidths.find(({ bytes }) => bytes >= cost.bytes) ?? bandwidths.at(-1)!;
  return Math.max(arithmeticOf(ceilings, cost), cost.bytes / Math.max(read, triad) / 1e6);
}
