/** Rotation of pairs of channels by an angle that grows with the place (rotary position embedding). */
import type { KernelCall } from '../../core/device.ts';
import { defineOp, expectType, type Op, type Sample } from '../../core/op.ts';
import { formatShape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';

/** Which channels of a head make a pair: (0, 1), (2, 3), … or (0, D/2), (1, D/2 + 1), … */
export type RotaryLayout = 'interleaved' | 'halves';

interface RotaryParams {
  readonly numHeads: number;
  readonly layout: RotaryLayout;
  /** Place of the first token, where no places are given. */
  readonly start: number;
  /** Turns back. */
  readonly inverse: boolean;
}

type RotaryInputs = readonly [x: Tensor, table: Tensor, places: Tensor | null];

const plain: RotaryParams = { numHeads: 2, layout: 'interleaved', start: 0, inverse: false };
const places = { shape: [1, 3], values: [2, 0, 1], dtype: 'int32' } as const;
const samples: readonly Sample<RotaryParams>[] = [
  { inputs: [[2, 3, 8], [4, 4], null], params: plain },
  { inputs: [[1, 3, 8], [4, 4], places], params: { ...plain, layout: 'halves' }, note: 'places' },
  {
    inputs: [[1, 3, 12], [9, 6], null],
    params: { ...plain, start: 5, inverse: true },
    note: 'back, from place 5',
  },
  {
    inputs: [[1, 2, 34], [3, 34], null],
    params: { ...plain, numHeads: 1, layout: 'halves' },
    note: 'odd sizes',
  },
  { inputs: [[2, 0, 4], [1, 2], null], params: plain, note: 'no token' },
];

const op: Op<RotaryInputs, RotaryParams> = defineOp<RotaryInputs, RotaryParams>({
  name: 'rotary',
  samples,
  shape: ([x, table, where], { numHeads, start }) => {
    const [batch, length, width] = x as [number, number, number];
    const head = (width ?? 0) / numHeads;
    if (x.length !== 3 || head % 2 !== 0 || table.length !== 2 || table[1] !== head) {
      throw new ShapeError({
        where: 'rotary',
        expected: `x [B, T, ${numHeads} heads · D] with an even D, and a table [places, D]`,
        got: `${formatShape(x)} and ${formatShape(table)}`,
      });
    }
    if (where ? where[1] !== length || (where[0] !== 1 && where[0] !== batch) : start + length > table[0]!) {
      throw new ShapeError({
        where: 'rotary',
        expected: where ? `places [1|${batch}, ${length}]` : `a table of at least ${start + length} places`,
        got: where ? formatShape(where) : String(table[0]),
      });
    }
    return x;
  },
  flops: ([x]) => 3 * x.reduce((size, n) => size * n, 1),
  compute: ({ inputs: [x, table, where], output, params: { numHeads, layout, start, inverse } }) => {
    const [length, width] = x.shape.slice(1) as [number, number];
    const head = width / numHeads;
    const half = head / 2;
    const sign = inverse ? -1 : 1;
    for (let row = 0; row < x.shape[0]! * length; row++) {
      const angles = head * (where ? where.data[row % where.size]! : start + (row % length));
      for (let h = 0; h < numHeads; h++) {
        for (let i = 0; i < half; i++) {
          const base = row * width + h * head;
          const [a, b] = layout === 'halves' ? [base + i, base + half + i] : [base + 2 * i, base + 2 * i + 1];
          const [cos, sin] = [table.data[angles + i]!, sign * table.data[angles + half + i]!];
          const [p, q] = [x.data[a]!, x.data[b]!];
          output.data[a] = p * cos - q * sin;
          output.data[b] = p * sin + q * cos;
        }
      }
    }
  },
  backward: ({ inputs: [, table, where], grad, params }) => [
    op(grad, table, where, { ...params, inverse: !params.inverse }),
    null,
    null,
  ],
  kernel: {
    names: ['rotary'],
    forward: ({ inputs: [x, table, where], output, params }): KernelCall => {
      const [batch, length, width] = x.shape as [number, number, number];
      const { numHeads, layout, start, inverse } = params;
      const flags = [Number(layout === 'halves'), Number(inverse)];
      return {
        name: 'rotary',
        tensors: [output.data, x.data, table.data, where?.data ?? null],
        ints: [length, numHeads, width / numHeads, start, where ? where.size : 0, ...flags],
        floats: [],
        items: batch * length,
        workPerItem: 2 * width,
      };
    },
  },
});

/** How `rotary` turns. */
export interface RotaryOptions {
  readonly numHeads: number;
  /** `interleaved` by default, as in the paper. */
  readonly layout?: RotaryLayout;
  /** Place of the first token; or of each, int32 `[1|B, T]`. */
  readonly place?: number | Tensor;
}

/**
 * Turns each pair of channels by the angle of its token's place: `(p cos − q sin, p sin + q cos)`. The product of a
 * query and a key that are both turned depends on the distance of their places only.
 *
 * Paper: Su et al. 2021, https://arxiv.org/abs/2104.09864
 *
 * @param x - `[B, T, H·D]`
 * @param table - `[places, D]`: cosines of the D/2 pairs, then their sines; gets no gradient
 * @returns `[B, T, H·D]`
 * @throws {ShapeError} when a shape does not fit or the table is too short
 * @example
 * rotary(query, table, { numHeads: 8, layout: 'halves' });
 */
export function rotary(x: Tensor, table: Tensor, options: RotaryOptions): Tensor {
  const { numHeads, layout = 'interleaved', place = 0 } = options;
  const isStart = typeof place === 'number';
  if (!isStart) expectType('rotary', 'places', place, 'int32');
  return op(x, table, isStart ? null : place, {
    numHeads,
    layout,
    start: isStart ? place : 0,
    inverse: false,
  });
}
