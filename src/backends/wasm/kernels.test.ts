import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { freshKernels, wasmBuilds } from '../../../tests/support/wasm-kernels.ts';
import { DeviceError } from '../../errors.ts';
import type { WasmKernels } from './kernels.ts';

function floats({ memory }: WasmKernels, length: number): Float32Array {
  const { buffer, byteOffset } = memory.allocate(4 * length);
  return new Float32Array(buffer, byteOffset, length);
}

test('this runtime runs the plain build', () => {
  expect(wasmBuilds).toContain('plain');
});

describe.each(wasmBuilds)('%s kernels', (build) => {
  test('are all that native/kernels.def names', () => {
    const text = readFileSync(new URL('../../../native/kernels.def', import.meta.url), 'utf8');
    const wanted = [...text.matchAll(/^KERNEL_ENTRY\((\w+)\)/gm)].map(([, name]) => name);
    expect(wanted.length).toBeGreaterThan(30);
    expect(freshKernels(build).names).toEqual(wanted);
  });

  test('an unknown kernel, too many arguments and an array outside the memory are refused', () => {
    const { launch, memory } = freshKernels(build);
    expect(() => launch('sofmax', { tensors: [], items: 1 })).toThrow('did you mean "softmax"?');
    expect(() => launch('fill', { tensors: [], ints: new Array(5000).fill(0), items: 1 })).toThrow(
      /^wasm kernel fill: expected at most \d+ arguments, got 5000$/,
    );
    const outside = () => launch('fill', { tensors: [new Float32Array(4)], floats: [1], items: 4 });
    expect(outside).toThrow(DeviceError);
    expect(outside).toThrow("expected tensors in the device's memory, got an array outside it");
    expect(memory.usedBytes).toBe(0);
  });

  test('a kernel that finds no room for its scratch throws, and the next ones run', () => {
    const kernels = freshKernels(build, 2 + 16);
    const n = 90 * 90;
    const [x, y] = [floats(kernels, n), floats(kernels, n)];
    x.fill(1);
    const wide = { tensors: [y, x, x, null], ints: [0, 0, 90, 90, 90, 90, 90, 90, 0, 1, 0, 0, 0], items: 1 };
    const rows = 4;
    const columns = (n / rows) | 0;
    const needs = 3 * 2 ** 17; // of floats: more than the memory has left
    const topK = { tensors: [y, y, x], ints: [needs, needs], items: 1 };
    // More than once: the first failure must not pass for memory.
    for (let round = 0; round < 3; round++) {
      let thrown: unknown;
      try {
        kernels.launch('top_k', topK);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toMatchObject({
        code: 'E_OUT_OF_MEMORY',
        message: expect.stringContaining('no room for working memory of 3,145,728 bytes (3.0 MiB) beside '),
      });
    }
    kernels.launch('gemm', wide);
    expect(y.every((value) => value === 90)).toBe(true);
    kernels.launch('softmax', { tensors: [y, x], ints: [columns], items: rows });
    expect(y[0]).toBeCloseTo(1 / columns, 7);
  });

  test('a launch of nothing writes nothing', () => {
    const kernels = freshKernels(build);
    const y = floats(kernels, 4).fill(5);
    kernels.launch('fill', { tensors: [y], floats: [1], items: 0 });
    expect([...y]).toEqual([5, 5, 5, 5]);
  });
});
