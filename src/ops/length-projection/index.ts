/**
 * Sequences of any length become K rows each: the projection of keys and values in Linformer.
 *
 * `y_j = Σ_t E[j, t] x_t` over the tokens t of a sequence.
 *
 * Paper: Wang et al., Linformer: Self-Attention with Linear Complexity, 2020, https://arxiv.org/abs/2006.04768
 */
import type { KernelCall } from '../../core/device.ts';
import { defineOp, expectType, type Sample } from '../../core/op.ts';
import { formatShape, type Shape } from '../../core/shape.ts';
import { Tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { mergeHeads, splitHeads } from '../attention/reference.ts';
import { matmul } from '../matmul/index.ts';
import { reshape } from '../shape/reshape.ts';
import { concat, slice } from '../shape/slice.ts';

type NoParams = Readonly<Record<string, never>>;
type ProjectionInputs = readonly [x: Tensor, weight: Tensor, starts: Tensor];

function sample(x: Shape, weight: Shape, starts: readonly number[], note: string): Sample<NoParams> {
  const bounds = { shape: [starts.length], values: starts, dtype: 'int32' } as const;
  return { inputs: [x, weight, bounds], params: {}, note };
}

const samples = [
  sample([1, 5, 6], [1, 3, 7], [0, 5], 'one sequence, shorter than it may be'),
  sample([1, 9, 6], [2, 4, 5], [0, 3, 3, 8, 9], 'four sequences, one of them empty, a matrix for each head'),
  sample([1, 37, 70], [1, 17, 20], [0, 20, 37], 'odd sizes'),
  sample([1, 37, 140], [2, 33, 40], [0, 37], 'columns of several tasks'),
  sample([1, 0, 4], [1, 2, 3], [0, 0], 'an empty sequence'),
];

/** Columns and rows of a kernel's task, as in native/kernels/project_length.c. */
const [COLUMNS, ROWS] = [64, 16];

/** Sizes in the order of native/kernels/project_length.c. */
function kernelInts([x, weight, starts]: ProjectionInputs): number[] {
  const [matrices, rows, room] = weight.shape as [number, number, number];
  return [starts.size - 1, matrices, rows, x.shape[2]! / matrices, room, x.shape[1]!];
}

function inputItems([x, weight, starts]: ProjectionInputs): number {
  const matrices = weight.shape[0]!;
  return (starts.size - 1) * matrices * Math.ceil(x.shape[2]! / matrices / COLUMNS);
}

function flops([x, weight]: readonly Shape[]): number {
  return 2 * x![1]! * x![2]! * weight![1]!;
}

const op = defineOp<ProjectionInputs, NoParams>({
  name: 'lengthProjection',
  samples,
  shape: ([x, weight, starts]) => {
    const fits = x.length === 3 && x[0] === 1 && weight.length === 3 && x[2]! % weight[0]! === 0;
    if (fits && starts.length === 1 && starts[0]! >= 1) return [1, (starts[0]! - 1) * weight[1]!, x[2]!];
    throw new ShapeError({
      where: 'lengthProjection',
      expected: 'x [1, N, P · D], weight [P, K, room] and starts [n + 1]',
      got: [x, weight, starts].map(formatShape).join(', '),
    });
  },
  flops,
  reference: ([x, weight, starts]) => {
    const [matrices, rows] = weight.shape as [number, number];
    const bounds = Array.from(starts.data);
    const parts = bounds.slice(1).map((end, i) => {
      const tokens = splitHeads(slice(x, 1, bounds[i]!, end), matrices); // [1, P, n, D]
      const own = slice(weight, 2, 0, end - bounds[i]!);
      return mergeHeads(matmul(reshape(own, [1, matrices, rows, end - bounds[i]!]), tokens));
    });
    return parts.length > 0 ? concat(parts, 1) : slice(x, 1, 0, 0);
  },
  kernel: {
    names: ['project_length', 'project_length_backward'],
    forward: ({ inputs, output }): KernelCall => ({
      name: 'project_length',
      tensors: [output.data, ...inputs.map((input) => input.data)],
      ints: kernelInts(inputs),
      floats: [],
      items: inputItems(inputs),
      workPerItem: flops(inputs.map(({ shape }) => shape)) / 2 / Math.max(1, inputItems(inputs)),
    }),
    backward: ({ inputs, grad, inputGrads }): KernelCall => {
      const [x, weight, starts] = inputs;
      const memory = (i: 0 | 1) =>
        inputGrads[i] ?? Tensor.empty(inputs[i].shape, x.dtype, x.device, 'lengthProjection.backward');
      const items = inputItems(inputs) + weight.shape[0]! * Math.ceil(weight.shape[1]! / ROWS);
      return {
        name: 'project_length_backward',
        tensors: [...[memory(0), memory(1), x, weight, grad, starts].map(({ data }) => data)],
        ints: kernelInts(inputs),
        floats: [],
        items,
        workPerItem: flops([x.shape, weight.shape]) / Math.max(1, items),
      };
    },
  },
});

/**
 * Makes K rows of each sequence: `y_j = Σ_t E[j, t] x_t`. A sequence of n tokens uses the first n columns of E.
 *
 * @param x - `[1, N, P·D]`, sequences in a row
 * @param weight - E, `[P, K, room]`: matrix p for the columns p·D …
 * @param starts - int32 `[n + 1]`: first row of each sequence, and N
 * @returns `[1, n·K, P·D]`
 * @throws {ShapeError} when a shape does not fit, or a sequence has more than `room` tokens
 * @example
 * lengthProjection(keys, weight, tensor([0, 30, 50], undefined, { dtype: 'int32' }));
 */
export function lengthProjection(x: Tensor, weight: Tensor, starts: Tensor): Tensor {
  expectType('lengthProjection', 'starts', starts, 'int32');
  const room = weight.shape[2]!;
  const { data } = starts;
  const covers = data[0] === 0 && data[data.length - 1] === x.shape[1];
  const fits = data.every((start, i) => i === 0 || (start >= data[i - 1]! && start - data[i - 1]! <= room));
  if (!covers || !fits) {
    throw new ShapeError({
      where: 'lengthProjection',
      expected: `sequences of at most ${room} tokens from 0 to ${x.shape[1]}`,
      got: `starts ${Array.from(data.subarray(0, 8)).join(', ')}`,
    });
  }
  return op(x, weight, starts, {});
}
