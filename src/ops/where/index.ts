/** Chooses element by element between a tensor and a number. */
import { defineOp, expectType } from '../../core/op.ts';
import {
  broadcastShapes,
  broadcastStrides,
  formatShape,
  sameShape,
  stridedOffsets,
} from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';

interface MaskedParams {
  readonly value: number;
}

/** Every third place is hidden. */
const alternating = (count: number): number[] => Array.from({ length: count }, (_, i) => Number(i % 3 !== 1));

const op = defineOp<readonly [x: Tensor, mask: Tensor], MaskedParams>({
  name: 'keepWhere',
  samples: [
    {
      inputs: [[2, 3], { shape: [2, 3], values: [1, 0, 1, 0, 0, 1], dtype: 'bool' }],
      params: { value: Number.NEGATIVE_INFINITY },
    },
    {
      inputs: [[2, 2, 3], { shape: [2, 1, 3], values: [1, 0, 1, 0, 0, 1], dtype: 'bool' }],
      params: { value: 0 },
    },
    {
      inputs: [[3, 33], { shape: [33], values: alternating(33), dtype: 'bool' }],
      params: { value: 0.5 },
      note: 'a mask of the last axis',
    },
    {
      inputs: [[3, 2, 17], { shape: [3, 1, 1], values: [1, 0, 1], dtype: 'bool' }],
      params: { value: 0 },
      note: 'whole entries',
    },
    {
      inputs: [[2, 3, 1, 5], { shape: [2, 1, 1, 5], values: alternating(10), dtype: 'bool' }],
      params: { value: -4 },
    },
    { inputs: [[], { shape: [], values: [0], dtype: 'bool' }], params: { value: 2 } },
    { inputs: [[2, 0, 3], { shape: [1, 3], values: [1, 0, 1], dtype: 'bool' }], params: { value: 0 } },
  ],
  shape: ([x, mask]) => {
    if (!sameShape(broadcastShapes('keepWhere', x, mask), x)) {
      throw new ShapeError({
        where: 'keepWhere',
        expected: `a mask that broadcasts to x of shape ${formatShape(x)}`,
        got: formatShape(mask),
      });
    }
    return x;
  },
  compute: ({ inputs: [x, mask], output, params: { value } }) => {
    const from = stridedOffsets(x.shape, broadcastStrides(mask.shape, x.shape));
    const [source, keep, target] = [x.data, mask.data, output.data];
    for (let i = 0; i < target.length; i++) target[i] = keep[from[i]!] ? source[i]! : value;
  },
  backward: ({ inputs: [, mask], grad }) => [keepWhere(grad, mask, 0), null],
  kernel: {
    names: ['keep_where'],
    forward: ({ inputs: [x, mask], output, params: { value } }) => {
      if (x.dtype !== 'float32' || x.shape.length > 6) return undefined;
      return {
        name: 'keep_where',
        tensors: [output.data, x.data, mask.data],
        ints: [x.shape.length, ...x.shape, ...broadcastStrides(mask.shape, x.shape)],
        floats: [value],
        items: output.size,
      };
    },
  },
});

/**
 * `x` where `mask` is true, `value` elsewhere.
 *
 * @param x - any shape
 * @param mask - dtype bool, broadcasts to the shape of `x`
 * @param value - a number, also −∞
 * @throws {ShapeError} when the mask does not broadcast to `x`
 * @throws {DTypeError} when the mask is not bool
 * @example
 * keepWhere(scores, causalMask, -Infinity);
 */
export function keepWhere(x: Tensor, mask: Tensor, value: number): Tensor {
  expectType('keepWhere', 'mask', mask, 'bool');
  return op(x, mask, { value });
}
