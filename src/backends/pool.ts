/** Freed buffers kept for the next tensor of their size: fresh large buffers cost page faults. */
import type { MemoryStats } from '../core/device.ts';
import { arrayOf, bytesOf, type DType, type TypedArray } from '../core/dtype.ts';
import { OutOfMemoryError } from '../errors.ts';

/** Free bytes that are always tolerated before the pool is emptied. */
const SLACK_BYTES = 512 * 2 ** 20;

/** Rounds up to one of eight sizes between powers of two: at most an eighth is wasted, and sizes repeat. */
function sizeClass(bytes: number): number {
  if (bytes <= 512) return Math.max(64, Math.ceil(bytes / 64) * 64);
  const step = 2 ** (Math.floor(Math.log2(bytes - 1)) - 2);
  return Math.ceil(bytes / step) * step;
}

export class BufferPool {
  private readonly free = new Map<number, ArrayBuffer[]>();
  private readonly create: (bytes: number) => ArrayBuffer;
  private live = 0;
  private peak = 0;
  private pooled = 0;
  private buffers = 0;

  constructor(create: (bytes: number) => ArrayBuffer) {
    this.create = create;
  }

  /** @throws {OutOfMemoryError} when there is no memory for it */
  allocate(dtype: DType, length: number): TypedArray {
    const bytes = sizeClass(length * bytesOf(dtype));
    const array = this.make(dtype, length, bytes);
    this.live += bytes;
    this.buffers++;
    this.peak = Math.max(this.peak, this.live);
    return array;
  }

  private make(dtype: DType, length: number, bytes: number): TypedArray {
    try {
      return arrayOf(dtype, length, this.take(bytes));
    } catch (cause) {
      throw new OutOfMemoryError({ where: 'memory', what: 'a tensor', bytes, inUse: this.live, cause });
    }
  }

  release(data: TypedArray): void {
    const buffer = data.buffer as ArrayBuffer;
    const bytes = buffer.byteLength;
    const list = this.free.get(bytes);
    if (list) list.push(buffer);
    else this.free.set(bytes, [buffer]);
    this.pooled += bytes;
    this.live -= bytes;
    this.buffers--;
  }

  private take(bytes: number): ArrayBuffer {
    const kept = this.free.get(bytes)?.pop();
    if (kept) {
      this.pooled -= bytes;
      return kept;
    }
    if (this.pooled > this.live + SLACK_BYTES) this.empty();
    try {
      return this.create(bytes);
    } catch (error) {
      if (this.pooled === 0) throw error;
      this.empty();
      return this.create(bytes);
    }
  }

  private empty(): void {
    this.free.clear();
    this.pooled = 0;
  }

  stats(): MemoryStats {
    return {
      liveBytes: this.live,
      peakBytes: this.peak,
      pooledBytes: this.pooled,
      liveBuffers: this.buffers,
    };
  }

  resetPeak(): void {
    this.peak = this.live;
  }
}
