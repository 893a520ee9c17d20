/** One element of each row by its place, and the scatter that is its gradient. */
import { defineOp, expectType, type Op } from '../../core/op.ts';
import { formatShape, sameShape, sizeOf } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';

type Pair = readonly [x: Tensor, places: Tensor];
interface GatherParams {
  readonly k: number;
}
interface ScatterParams extends GatherParams {
  readonly columns: number;
}

const gatherOp: Op<Pair, GatherParams> = defineOp<Pair, GatherParams>({
  name: 'gatherLast',
  samples: [
    { inputs: [[3, 5], { shape: [3, 1], values: [4, 0, 2], dtype: 'int32' }], params: { k: 1 } },
    {
      inputs: [[2, 3], { shape: [2, 2], values: [1, 1, 0, 2], dtype: 'int32' }],
      params: { k: 2 },
      note: 'one twice',
    },
  ],
  shape: ([x, places], { k }) => {
    if (!sameShape(places, [...x.slice(0, -1), k])) {
      throw new ShapeError({
        where: 'gatherLast',
        expected: `places of shape ${formatShape([...x.slice(0, -1), k])}`,
        got: formatShape(places),
      });
    }
    return places;
  },
  compute: ({ inputs: [x, places], output, params: { k } }) => {
    const columns = x.shape.at(-1)!;
    for (let i = 0; i < output.size; i++) {
      output.data[i] = x.data[Math.floor(i / k) * columns + places.data[i]!]!;
    }
  },
  backward: ({ inputs: [x, places], grad, params: { k } }) => [
    scatterOp(grad, places, { k, columns: x.shape.at(-1)! }),
    null,
  ],
  kernel: {
    names: ['gather_last'],
    forward: ({ inputs: [x, places], output, params: { k } }) => ({
      name: 'gather_last',
      tensors: [output.data, x.data, places.data],
      ints: [k, x.shape.at(-1)!],
      floats: [],
      items: sizeOf(x.shape.slice(0, -1)),
      workPerItem: k,
    }),
  },
});

const scatterOp: Op<Pair, ScatterParams> = defineOp<Pair, ScatterParams>({
  name: 'scatterLast',
  samples: [
    { inputs: [[3, 1], { shape: [3, 1], values: [4, 0, 2], dtype: 'int32' }], params: { k: 1, columns: 5 } },
    {
      inputs: [[2, 2], { shape: [2, 2], values: [1, 1, 0, 2], dtype: 'int32' }],
      params: { k: 2, columns: 3 },
      note: 'one twice',
    },
    {
      inputs: [[2, 2, 1], { shape: [2, 2, 1], values: [1, 32, 0, 2], dtype: 'int32' }],
      params: { k: 1, columns: 33 },
    },
  ],
  shape: ([x, places], { columns }) => {
    if (sameShape(x, places)) return [...x.slice(0, -1), columns];
    const expected = `a place for each of x of shape ${formatShape(x)}`;
    throw new ShapeError({ where: 'scatterLast', expected, got: formatShape(places) });
  },
  flops: ([x]) => sizeOf(x),
  compute: ({ inputs: [x, places], output, params: { k, columns } }) => {
    output.data.fill(0);
    for (let i = 0; i < x.size; i++)
      output.data[Math.floor(i / k) * columns + places.data[i]!]! += x.data[i]!;
  },
  backward: ({ inputs: [, places], grad, params: { k } }) => [gatherOp(grad, places, { k }), null],
  kernel: {
    names: ['scatter_last'],
    forward: ({ inputs: [x, places], output, params: { k, columns } }) => ({
      name: 'scatter_last',
      tensors: [output.data, x.data, places.data],
      ints: [k, columns],
      floats: [],
      items: sizeOf(x.shape.slice(0, -1)),
      workPerItem: k + columns,
    }),
  },
});

/**
 * Elements of the last axis by their places.
 *
 * @param x - `[..., C]`
 * @param places - int32 `[..., k]`, each from 0 to C−1
 * @returns `[..., k]`
 * @throws {ShapeError} when the leading axes differ, or a place is outside the axis
 * @example
 * gatherLast(logProbs, targets); // log-probability of each target
 */
export function gatherLast(x: Tensor, places: Tensor): Tensor {
  expectType('gatherLast', 'places', places, 'int32');
  checkPlaces('gatherLast', places, x.shape.at(-1) ?? 1);
  return gatherOp(x, places, { k: places.shape.at(-1) ?? 1 });
}

/**
 * Puts the elements of the last axis at their places in longer rows, and adds those that meet: the gradient of
 * `gatherLast`.
 *
 * @param x - `[..., k]`
 * @param places - int32, the shape of x, each from 0 to columns−1
 * @param columns - C
 * @returns `[..., C]`
 * @throws {ShapeError} when the shapes differ, or a place is outside the axis
 * @example
 * scatterLast(weights, sourceIds, vocabSize); // how much attention each word of the vocabulary has
 */
export function scatterLast(x: Tensor, places: Tensor, columns: number): Tensor {
  expectType('scatterLast', 'places', places, 'int32');
  checkPlaces('scatterLast', places, columns);
  return scatterOp(x, places, { k: places.shape.at(-1) ?? 1, columns });
}

function checkPlaces(where: string, places: Tensor, columns: number): void {
  const bad = places.data.findIndex((place) => place < 0 || place >= columns);
  if (bad < 0) return;
  const got = `${places.data[bad]} at place ${bad}`;
  throw new ShapeError({ where, expected: `places from 0 to ${columns - 1}`, got });
}
