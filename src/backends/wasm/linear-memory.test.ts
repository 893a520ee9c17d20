import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Block } from '../pool.ts';
import { LinearMemory } from './linear-memory.ts';
import { WebAssembly } from './webassembly.ts';

const page = 65536;
const base = 1000; // what a module's own data takes

function memoryOf(maximum: number): LinearMemory {
  return new LinearMemory(new WebAssembly.Memory({ initial: 1, maximum, shared: true }), base);
}

const bytesAt = ({ buffer, byteOffset }: Block, length: number): Uint8Array =>
  new Uint8Array(buffer, byteOffset, length);

describe('linear memory', () => {
  test('blocks are aligned, apart from each other and from the data, and keep their contents', () => {
    const step = fc.oneof(
      fc.record({ allocate: fc.integer({ min: 0, max: 3 * page }) }),
      fc.record({ release: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const memory = memoryOf(400);
        const live: { block: Block; bytes: number; mark: number }[] = [];
        for (const [index, action] of steps.entries()) {
          if ('allocate' in action) {
            const bytes = action.allocate;
            const block = memory.allocate(bytes);
            expect(block.byteOffset % 64).toBe(0);
            expect(block.byteOffset).toBeGreaterThanOrEqual(base);
            expect(memory.holds(block.buffer)).toBe(true);
            bytesAt(block, bytes).fill(index + 1);
            live.push({ block, bytes, mark: index + 1 });
          } else if (live.length > 0) {
            const [gone] = live.splice(action.release % live.length, 1);
            memory.release(gone!.block.byteOffset, gone!.bytes);
          }
        }
        for (const { block, bytes, mark } of live) {
          expect(bytesAt(block, bytes).every((byte) => byte === mark)).toBe(true);
        }
        const least = live.reduce((sum, { bytes }) => sum + bytes, 0);
        expect(memory.usedBytes).toBeGreaterThanOrEqual(least);
        expect(memory.usedBytes).toBeLessThanOrEqual(least + 64 * live.length);
        for (const { block, bytes } of live) memory.release(block.byteOffset, bytes);
        expect(memory.usedBytes).toBe(0);
        // Whatever the order was, all of it is one piece again.
        expect(memory.allocate(399 * page).byteOffset).toBe(Math.ceil(base / 64) * 64);
      }),
      { numRuns: 60, seed: 3 },
    );
  });

  test('an array stays valid when the memory grows', () => {
    const memory = memoryOf(1024);
    const early = bytesAt(memory.allocate(100), 100).fill(7);
    const before = memory.allocate(10).buffer.byteLength;
    const late = memory.allocate(40 * page);
    expect(late.buffer.byteLength).toBeGreaterThan(before);
    expect(early.every((byte) => byte === 7)).toBe(true);
    bytesAt({ buffer: late.buffer, byteOffset: early.byteOffset }, 100).fill(9);
    expect(early.every((byte) => byte === 9)).toBe(true);
    expect(memory.holds(early.buffer) && memory.holds(late.buffer)).toBe(true);
    expect(memory.holds(new SharedArrayBuffer(8))).toBe(false);
  });

  test('when it is full it asks for what is kept for later, then says so and lives on', () => {
    const memory = memoryOf(64);
    const kept = memory.allocate(50 * page);
    let asked = 0;
    expect(() => memory.allocate(20 * page)).toThrow(RangeError);
    memory.whenFull = () => {
      if (asked++ === 0) memory.release(kept.byteOffset, 50 * page);
    };
    const block = memory.allocate(60 * page);
    expect(asked).toBe(1);
    expect(() => memory.allocate(20 * page)).toThrow(RangeError);
    expect(asked).toBe(2);
    expect(memory.usedBytes).toBe(60 * page);
    expect(bytesAt(block, 60 * page).fill(1)).toHaveLength(60 * page);
  });
});
