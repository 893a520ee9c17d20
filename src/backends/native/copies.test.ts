/** Copies of blocks and the choice by a mask, on every instruction set, against loops over single elements. */
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { itOnEachDevice } from '../../../tests/support/devices.ts';
import {
  blank,
  expectKernel,
  type Numbers,
  needBinding,
  noise,
  runKernel,
} from '../../../tests/support/native-kernels.ts';
import { concat, type DType, pad, permute, slice, type Tensor, tensor } from '../../index.ts';

const types = [Int8Array, Uint16Array, Float32Array, Float64Array] as const;

interface Piece {
  readonly length: number;
  readonly stride: number;
  readonly at: number;
  readonly source: Numbers | null;
}

/** The pieces of every row, one element after the other. */
function sideBySide(rows: number, pieces: readonly Piece[]): number[] {
  const result: number[] = [];
  for (let row = 0; row < rows; row++) {
    for (const { length, stride, at, source } of pieces) {
      for (let n = 0; n < length; n++) result.push(source ? source[row * stride + at + n]! : 0);
    }
  }
  return result;
}

describe('copy_blocks', () => {
  const piece = fc.record({
    length: fc.integer({ min: 0, max: 70 }),
    before: fc.integer({ min: 0, max: 5 }),
    behind: fc.integer({ min: 0, max: 5 }),
    isZero: fc.boolean(),
  });
  it.for(types.map((type) => [type.name, type] as const))(
    'sets pieces of rows side by side: %s',
    ([, type], context) => {
      needBinding(context);
      const arbitrary = fc.tuple(
        fc.integer({ min: 1, max: 40 }),
        fc.array(piece, { minLength: 1, maxLength: 5 }),
      );
      fc.assert(
        fc.property(arbitrary, ([rows, given]) => {
          const pieces = given.map(({ length, before, behind, isZero }, k): Piece => {
            const stride = before + length + behind;
            const numbers = noise(rows * stride, k + 1).map((value) => Math.trunc(value * 100));
            return { length, stride, at: before, source: isZero ? null : type.from(numbers) };
          });
          const want = sideBySide(rows, pieces);
          const call = {
            kernel: 'copy_blocks',
            outputs: [new type(want.length).fill(77)],
            inputs: pieces.map(({ source }) => source),
            ints: [
              type.BYTES_PER_ELEMENT,
              pieces.length,
              ...pieces.flatMap(({ length, stride, at }) => [length, stride, at]),
            ],
            items: want.length,
          };
          expectKernel(context, call, [want], {});
        }),
        { numRuns: 40, seed: 7 },
      );
    },
  );

  test('one block of many tasks', (context) => {
    const x = noise(100_003);
    const call = { kernel: 'copy_blocks', outputs: [blank(100_000)], inputs: [x], items: 100_000 };
    expectKernel(context, { ...call, ints: [4, 1, 100_000, 100_003, 2] }, [x.subarray(2, 100_002)], {});
  });
});

describe('slice, pad, concat and permute of every type', () => {
  const of = (dtype: DType, device: string, seed: number): Tensor =>
    tensor(
      Float64Array.from(noise(5 * 3 * 2, seed), (value) => Math.trunc(Math.abs(value) * 100)),
      [5, 3, 2],
      { dtype, device },
    );
  for (const dtype of ['float32', 'int32', 'int8', 'uint8', 'bool'] as const) {
    itOnEachDevice(`${dtype}`, (device) => {
      const [x, z] = [of(dtype, device, 3), of(dtype, device, 4)];
      const at = (from: Tensor, row: number, n: number): number => from.data[row * 6 + n]!;
      const rows = <T>(f: (row: number) => T[]): T[] => [0, 1, 2, 3, 4].flatMap(f);
      const part = slice(x, 1, 1, 3);
      expect([part.dtype, part.shape]).toEqual([x.dtype, [5, 2, 2]]);
      expect([...part.data]).toEqual(rows((row) => [2, 3, 4, 5].map((n) => at(x, row, n))));
      const padded = pad(x, 1, 1, 5);
      expect([...padded.data]).toEqual(
        rows((row) => [0, 0, ...[0, 1, 2, 3, 4, 5].map((n) => at(x, row, n)), 0, 0]),
      );
      expect([...permute(x, [0, 2, 1]).data]).toEqual(
        rows((row) => [0, 2, 4, 1, 3, 5].map((n) => at(x, row, n))),
      );
      const both = concat([x, part, z], 1);
      expect([both.dtype, both.shape]).toEqual([x.dtype, [5, 8, 2]]);
      expect([...both.data]).toEqual(
        rows((row) => [
          ...[0, 1, 2, 3, 4, 5].map((n) => at(x, row, n)),
          ...[2, 3, 4, 5].map((n) => at(x, row, n)),
          ...[0, 1, 2, 3, 4, 5].map((n) => at(z, row, n)),
        ]),
      );
    });
  }
});

describe('keep_where', () => {
  test('any mask that broadcasts', (context) => {
    needBinding(context);
    const axis = fc.record({ dim: fc.integer({ min: 1, max: 40 }), repeats: fc.boolean() });
    fc.assert(
      fc.property(fc.array(axis, { minLength: 0, maxLength: 3 }), (axes) => {
        const dims = axes.map(({ dim }) => dim);
        let size = 1;
        const strides = axes
          .toReversed()
          .map(({ dim, repeats }) => {
            const stride = repeats || dim === 1 ? 0 : size;
            size *= repeats ? 1 : dim;
            return stride;
          })
          .toReversed();
        const items = dims.reduce((a, b) => a * b, 1);
        const x = noise(items);
        const mask = Uint8Array.from(noise(size, 5), (value) => Number(value > 0));
        const want = Float64Array.from(x, (value, n) => {
          let [rest, from] = [n, 0];
          for (let k = dims.length - 1; k >= 0; k--) {
            from += (rest % dims[k]!) * strides[k]!;
            rest = Math.floor(rest / dims[k]!);
          }
          return mask[from] ? value : -3;
        });
        const call = {
          kernel: 'keep_where',
          outputs: [blank(items)],
          inputs: [x, mask],
          floats: [-3],
          items,
        };
        expectKernel(context, { ...call, ints: [dims.length, ...dims, ...strides] }, [want], {});
      }),
      { numRuns: 60, seed: 11 },
    );
  });

  test('what is hidden may be anything, and what is kept stays as it is', (context) => {
    const [inf, nan] = [Number.POSITIVE_INFINITY, Number.NaN];
    const x = Float32Array.from({ length: 57 }, (_, n) => [nan, inf, -inf, 1e-45, 3][n % 5]!);
    const mask = Uint8Array.from(x, (_, n) => Number(n % 2));
    const want = Float64Array.from(x, (value, n) => (n % 2 ? value : -inf));
    const call = { kernel: 'keep_where', outputs: [new Float32Array(57)], inputs: [x, mask], items: 57 };
    runKernel(context, { ...call, ints: [1, 57, 1], floats: [-inf] }, ([y]) =>
      expect([...y!]).toEqual([...want]),
    );
  });
});
