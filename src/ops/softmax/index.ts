/**
 * Softmax and its logarithm, shift-invariant: the largest score of a row is subtracted first.
 *
 * Paper: Bridle, Probabilistic Interpretation of Feedforward Classification Network Outputs, 1990.
 */
import type { KernelCall } from '../../core/device.ts';
import { defineOp, type Sample } from '../../core/op.ts';
import { resolveAxis, type Shape, sizeOf } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { mul, sub } from '../elementwise/binary.ts';
import { exp } from '../elementwise/unary.ts';
import { sum } from '../reduce/sum.ts';
import { permute } from '../shape/permute.ts';

type None = Record<never, never>;

const samples: readonly Sample<None>[] = [
  { inputs: [[3, 7]], params: {} },
  { inputs: [[2, 3, 33]], params: {} },
  { inputs: [[4, 1]], params: {}, note: 'one entry a row' },
  { inputs: [[0, 5]], params: {} },
  { inputs: [{ shape: [1, 3], values: [1e4, 1e4 + 1, 1e4 - 2] }], params: {}, note: 'large scores' },
];

const masked: Sample<None> = {
  inputs: [
    {
      shape: [2, 3],
      values: [1, Number.NEGATIVE_INFINITY, 2, ...new Array(3).fill(Number.NEGATIVE_INFINITY)],
    },
  ],
  params: {},
  note: 'a masked entry, a masked row',
};

function rowKernel(name: string): (context: { inputs: readonly [Tensor]; output: Tensor }) => KernelCall {
  return ({ inputs: [x], output }) => {
    const columns = x.shape.at(-1) ?? 1;
    return {
      name,
      tensors: [output.data, x.data],
      ints: [columns],
      floats: [],
      items: columns === 0 ? 0 : x.size / columns,
      workPerItem: columns * 4,
    };
  };
}

/** Calls `row(offset, columns, max)` for each row of the last axis. */
function eachRow(x: Tensor, row: (at: number, columns: number, max: number) => void): void {
  const columns = x.shape.at(-1) ?? 1;
  for (let at = 0; at < x.size; at += columns) {
    let max = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < columns; c++) max = Math.max(max, x.data[at + c]!);
    row(at, columns, max);
  }
}

const softmaxOp = defineOp<readonly [x: Tensor], None>({
  name: 'softmax',
  samples: [...samples, masked],
  shape: ([x]) => x,
  flops: ([x]) => 4 * sizeOf(x),
  compute: ({ inputs: [x], output }) =>
    eachRow(x, (at, columns, max) => {
      if (max === Number.NEGATIVE_INFINITY) return output.data.fill(0, at, at + columns);
      const weights = Array.from({ length: columns }, (_, c) => Math.exp(x.data[at + c]! - max));
      const total = weights.reduce((a, b) => a + b, 0);
      return output.data.set(
        weights.map((w) => w / total),
        at,
      );
    }),
  backward: ({ output, grad }) => {
    const weighted = mul(grad, output);
    return [sub(weighted, mul(output, sum(weighted, { axes: -1, keepDims: true })))];
  },
  kernel: { names: ['softmax'], forward: rowKernel('softmax') },
});

const logSoftmaxOp = defineOp<readonly [x: Tensor], None>({
  name: 'logSoftmax',
  samples,
  shape: ([x]) => x,
  flops: ([x]) => 4 * sizeOf(x),
  compute: ({ inputs: [x], output }) =>
    eachRow(x, (at, columns, max) => {
      let total = 0;
      for (let c = 0; c < columns; c++) total += Math.exp(x.data[at + c]! - max);
      const logTotal = max + Math.log(total);
      for (let c = 0; c < columns; c++) output.data[at + c] = x.data[at + c]! - logTotal;
    }),
  backward: ({ output, grad }) => [sub(grad, mul(exp(output), sum(grad, { axes: -1, keepDims: true })))],
  kernel: { names: ['log_softmax'], forward: rowKernel('log_softmax') },
});

/** Runs an op of the last axis on another axis. */
function onAxis(where: string, x: Tensor, axis: number, op: (x: Tensor) => Tensor): Tensor {
  const resolved = resolveAxis(where, axis, x.shape.length);
  const last = x.shape.length - 1;
  if (resolved === last) return op(x);
  const order: Shape = x.shape.map((_, i) => (i === resolved ? last : i === last ? resolved : i));
  return permute(op(permute(x, order)), order);
}

export interface AxisOptions {
  /** The axis that sums to 1; the last one by default. */
  readonly axis?: number;
}

/**
 * `softmax(x)ᵢ = e^xᵢ / Σⱼ e^xⱼ`. A row of −∞ only (fully masked) gives zeros and a zero gradient, never NaN.
 *
 * @param x - scores, any shape
 * @returns weights of the same shape
 * @example
 * softmax(tensor([3, 1, -3])); // .8789, .1189, .0022
 */
export function softmax(x: Tensor, { axis = -1 }: AxisOptions = {}): Tensor {
  return onAxis('softmax', x, axis, (rows) => softmaxOp(rows, {}));
}

/**
 * `log softmax(x)ᵢ = xᵢ − log Σⱼ e^xⱼ`.
 *
 * @param x - scores, any shape
 */
export function logSoftmax(x: Tensor, { axis = -1 }: AxisOptions = {}): Tensor {
  return onAxis('logSoftmax', x, axis, (rows) => logSoftmaxOp(rows, {}));
}
