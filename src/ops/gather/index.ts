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
});

const scatterOp: Op<Pair, ScatterParams> = defineOp<Pair, ScatterParams>({
  name: 'scatterLast',
  samples: [
    { inputs: [[3, 1], { shape: [3, 1], values: [4, 0, 2], dtype: 'int32' }], params: { k: 1, columns: 5 } },
    {
      inputs: [[2, 2], { shape: [2, 2], values: [1, 1, 0, 2], dtype: 'int32' }],
      params: { k: 2, columns: 3 },
    },
  ],
  shape: ([x], { columns }) => [...x.slice(0, -1), columns],
  flops: ([x]) => sizeOf(x),
  compute: ({ inputs: [x, places], output, params: { k, columns } }) => {
    output.data.fill(0);
    for (let i = 0; i < x.size; i++)
      output.data[Math.floor(i / k) * columns + places.data[i]!]! += x.data[i]!;
  },
  backward: ({ inputs: [, places], grad, params: { k } }) => [gatherOp(grad, places, { k }), null],
});

/**
 * Elements of the last axis by their places.
 *
 * @param x - `[..., C]`
 * @param places - int32 `[..., k]`, each from 0 to C−1
 * @returns `[..., k]`
 * @throws {ShapeError} when the leading axes differ
 * @example
 * gatherLast(logProbs, targets); // log-probability of each target
 */
export function gatherLast(x: Tensor, places: Tensor): Tensor {
  expectType('gatherLast', 'places', places, 'int32');
  return gatherOp(x, places, { k: places.shape.at(-1) ?? 1 });
}
