/** An allocator over the one memory of a WebAssembly module, which grows but never moves and never shrinks. */
import type { Block } from '../pool.ts';
import type { Memory } from './webassembly.ts';

const PAGE = 65536;
const ALIGNMENT = 64;
/** Growing makes a new buffer object: rarely, so by an eighth, but at least by this. */
const LEAST_GROWTH = 16 * 2 ** 20;

/** Free bytes from `start` to `end`. */
interface Hole {
  start: number;
  end: number;
}

export class LinearMemory {
  /** Called before an allocation fails: may release what is only kept for later. */
  whenFull: () => void = () => {};
  private readonly memory: Memory;
  /** Free and below `top`, in ascending order; no two of them touch, and none touches `top`. */
  private readonly holes: Hole[] = [];
  /** Nothing is in use from here on. */
  private top: number;
  private used = 0;
  /** The objects that stood for the memory when something was allocated: growth makes others, also some time later. */
  private readonly buffers = new WeakSet<ArrayBufferLike>();

  /** @param base - where the module's own data ends */
  constructor(memory: Memory, base: number) {
    this.memory = memory;
    this.top = align(base);
  }

  /** Bytes in use. */
  get usedBytes(): number {
    return this.used;
  }

  /** Whether a buffer is one that `allocate` gave. */
  holds(buffer: ArrayBufferLike): boolean {
    return this.buffers.has(buffer);
  }

  /**
   * Memory aligned to 64 bytes, never at 0, contents undefined.
   *
   * @throws {RangeError} when there is no room
   */
  allocate(bytes: number): Block {
    const size = align(bytes);
    const byteOffset = this.place(size);
    this.used += size;
    const { buffer } = this.memory;
    this.buffers.add(buffer);
    return { buffer, byteOffset };
  }

  /** Takes back what `allocate` gave for the same number of bytes. */
  release(start: number, bytes: number): void {
    const end = start + align(bytes);
    this.used -= end - start;
    const at = this.firstHoleAfter(start);
    const [before, after] = [this.holes[at - 1], this.holes[at]];
    const joined = {
      start: before?.end === start ? before.start : start,
      end: after?.start === end ? after.end : end,
    };
    const from = before?.end === start ? at - 1 : at;
    const to = after?.start === end ? at + 1 : at;
    if (joined.end === this.top) {
      this.top = joined.start;
      this.holes.splice(from, to - from);
    } else {
      this.holes.splice(from, to - from, joined);
    }
  }

  private place(size: number): number {
    try {
      return this.takeHole(size) ?? this.takeTop(size);
    } catch {
      this.whenFull();
      return this.takeHole(size) ?? this.takeTop(size);
    }
  }

  private takeHole(size: number): number | undefined {
    const at = this.holes.findIndex(({ start, end }) => end - start >= size);
    const hole = this.holes[at];
    if (!hole) return undefined;
    const { start } = hole;
    hole.start += size;
    if (hole.start === hole.end) this.holes.splice(at, 1);
    return start;
  }

  private takeTop(size: number): number {
    const missing = this.top + size - this.memory.buffer.byteLength;
    if (missing > 0) this.grow(missing);
    const start = this.top;
    this.top += size;
    return start;
  }

  private grow(missing: number): void {
    const wanted = Math.max(missing, this.memory.buffer.byteLength / 8, LEAST_GROWTH);
    try {
      this.memory.grow(Math.ceil(wanted / PAGE));
    } catch {
      this.memory.grow(Math.ceil(missing / PAGE));
    }
  }

  private firstHoleAfter(start: number): number {
    let [low, high] = [0, this.holes.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.holes[middle]!.start > start) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function align(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / ALIGNMENT)) * ALIGNMENT;
}
