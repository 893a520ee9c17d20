/** Freed buffers kept for the next tensor of their size: fresh large buffers cost page faults. */
import type { MemoryStats } from '../core/device.ts';
import { bytesOf, type DType, type TypedArray, viewOf } from '../core/dtype.ts';
import { OutOfMemoryError } from '../errors.ts';

/** Free bytes beyond those that were in use at one time that are tolerated before the pool is emptied. */
const SLACK_BYTES = 512 * 2 ** 20;

/** Rounds up to one of four sizes between powers of two: at most a fifth is wasted, and sizes repeat. */
function sizeClass(bytes: number): number {
  if (bytes <= 512) return Math.max(64, Math.ceil(bytes / 64) * 64);
  const step = 2 ** (Math.floor(Math.log2(bytes - 1)) - 2);
  return Math.ceil(bytes / step) * step;
}

/** Where a piece of memory begins. */
export interface Block {
  readonly buffer: ArrayBufferLike;
  readonly byteOffset: number;
}

/** What is known of an array when it is released: the array itself has all of it. */
export interface Released extends Block {
  readonly byteLength: number;
}

/** Where the pool's memory comes from. */
export interface BlockSource {
  /** @throws when there is no room */
  create(bytes: number): Block;
  /** Takes back a block that the pool no longer keeps; absent where the garbage collector does. */
  discard?(block: Block, bytes: number): void;
}

export class BufferPool {
  private readonly free = new Map<number, Block[]>();
  private readonly source: BlockSource;
  private live = 0;
  private peak = 0;
  private pooled = 0;
  private buffers = 0;

  constructor(source: BlockSource) {
    this.source = source;
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
      const { buffer, byteOffset } = this.take(bytes);
      return viewOf(dtype, buffer, byteOffset, length);
    } catch (cause) {
      const asked = { what: 'a tensor', bytes: length * bytesOf(dtype) };
      throw new OutOfMemoryError({ where: 'memory', ...asked, inUse: this.live, cause });
    }
  }

  release(data: Released): void {
    const bytes = sizeClass(data.byteLength);
    const list = this.free.get(bytes);
    if (list) list.push(data);
    else this.free.set(bytes, [data]);
    this.pooled += bytes;
    this.live -= bytes;
    this.buffers--;
  }

  private take(bytes: number): Block {
    const kept = this.free.get(bytes)?.pop();
    if (kept) {
      this.pooled -= bytes;
      return kept;
    }
    // Not beside what is alive now: between two steps that is little, and the next one may need all that is free.
    if (this.pooled > this.peak + SLACK_BYTES) this.empty();
    try {
      return this.source.create(bytes);
    } catch (error) {
      if (this.pooled === 0) throw error;
      this.empty();
      return this.source.create(bytes);
    }
  }

  /** Gives everything that is kept back to where it came from. */
  empty(): void {
    if (this.source.discard) {
      for (const [bytes, blocks] of this.free) for (const block of blocks) this.source.discard(block, bytes);
    }
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
