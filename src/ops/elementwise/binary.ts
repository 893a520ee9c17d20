/** Element-wise ops of two tensors, one row each; shapes broadcast as in NumPy. */
import type { KernelCall } from '../../core/device.ts';
import { defineOp, type Op, type Sample } from '../../core/op.ts';
import { broadcastShapes, broadcastStrides, type Shape, sizeOf, stridedOffsets } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { sumTo } from '../reduce/sum.ts';
import { type BinaryMode, binaryModes, binaryNames } from './codes.ts';
import { scale } from './scale.ts';
import { sign } from './sign.ts';

type Pair = readonly [a: Tensor, b: Tensor];
type None = Record<never, never>;
type BinaryOp = ((a: Tensor, b: Tensor) => Tensor) & { readonly definition: Op<Pair, None>['definition'] };

const samples: readonly Sample<None>[] = [
  {
    inputs: [
      [2, 3],
      [2, 3],
    ],
    params: {},
  },
  { inputs: [[3, 5], [5]], params: {}, note: 'a row repeated' },
  { inputs: [[5], [3, 5]], params: {} },
  {
    inputs: [
      [2, 3, 1],
      [2, 1, 7],
    ],
    params: {},
    note: 'both stretch',
  },
  {
    inputs: [
      [4, 1],
      [4, 9],
    ],
    params: {},
    note: 'a column',
  },
  { inputs: [[33], []], params: {}, note: 'a scalar' },
  { inputs: [[], [17]], params: {} },
  { inputs: [[0, 3], [3]], params: {}, note: 'no elements' },
  { inputs: [[1], [1]], params: {} },
];

interface Fit {
  readonly mode: BinaryMode;
  readonly columns: number;
}

/** How the kernel reads a and b: see `binary` in native/kernels/elementwise.c. */
function kernelFit(a: Shape, b: Shape, out: Shape): Fit | undefined {
  const whole = sizeOf(out);
  const [sizeA, sizeB] = [sizeOf(a), sizeOf(b)];
  if (sizeA === whole && sizeB === whole) return { mode: 'same', columns: 1 };
  if (sizeA === whole) return smallerFit('b', b, sizeB, out);
  if (sizeB === whole) return smallerFit('a', a, sizeA, out);
  return undefined;
}

function smallerFit(side: 'a' | 'b', small: Shape, size: number, out: Shape): Fit | undefined {
  if (size === 1) return { mode: `${side}Scalar`, columns: 1 };
  const strides = broadcastStrides(small, out);
  const firstReal = strides.findIndex((stride, axis) => stride !== 0 && out[axis] !== 1);
  const lastReal = strides.findLastIndex((stride, axis) => stride !== 0 && out[axis] !== 1);
  const isDense = (from: number, to: number): boolean => sizeOf(out.slice(from, to + 1)) === size;
  if (isDense(firstReal, out.length - 1)) return { mode: `${side}Row`, columns: size };
  if (isDense(0, lastReal)) return { mode: `${side}Column`, columns: sizeOf(out.slice(lastReal + 1)) };
  return undefined;
}

function binary(
  name: (typeof binaryNames)[number],
  formula: (x: number, y: number) => number,
  derivative: (grad: Tensor, a: Tensor, b: Tensor, output: Tensor) => readonly [() => Tensor, () => Tensor],
  rows: readonly Sample<None>[] = samples,
): BinaryOp {
  const code = binaryNames.indexOf(name);
  const op = defineOp<Pair, None>({
    name,
    samples: rows,
    shape: ([a, b]) => broadcastShapes(name, a, b),
    compute: ({ inputs: [a, b], output }) => broadcastLoop(a, b, output, formula),
    backward: ({ inputs: [a, b], output, grad, needs }) => {
      const [toA, toB] = derivative(grad, a, b, output);
      return [needs[0] ? sumTo(toA(), a.shape) : null, needs[1] ? sumTo(toB(), b.shape) : null];
    },
    kernel: {
      names: ['binary'],
      forward: ({ inputs: [a, b], output }): KernelCall | undefined => {
        const fit = kernelFit(a.shape, b.shape, output.shape);
        if (!fit) return undefined;
        return {
          name: 'binary',
          tensors: [output.data, a.data, b.data],
          ints: [code, binaryModes.indexOf(fit.mode), fit.columns],
          floats: [],
          items: output.size,
        };
      },
    },
  });
  return Object.assign((a: Tensor, b: Tensor) => op(a, b, {}), { definition: op.definition });
}

function broadcastLoop(
  a: Tensor,
  b: Tensor,
  output: Tensor,
  formula: (x: number, y: number) => number,
): void {
  const { shape, data: out } = output;
  const [x, y] = [a.data, b.data];
  if (a.size === out.length && b.size === out.length) {
    for (let i = 0; i < out.length; i++) out[i] = formula(x[i]!, y[i]!);
    return;
  }
  const fromA = stridedOffsets(shape, broadcastStrides(a.shape, shape));
  const fromB = stridedOffsets(shape, broadcastStrides(b.shape, shape));
  for (let i = 0; i < out.length; i++) out[i] = formula(x[fromA[i]!]!, y[fromB[i]!]!);
}

/** `a + b`, broadcast. */
export const add: BinaryOp = binary(
  'add',
  (x, y) => x + y,
  (grad) => [() => grad, () => grad],
);

/** `a − b`, broadcast. */
export const sub: BinaryOp = binary(
  'sub',
  (x, y) => x - y,
  (grad) => [() => grad, () => scale(grad, -1)],
);

/** `a · b`, element by element, broadcast. */
export const mul: BinaryOp = binary(
  'mul',
  (x, y) => x * y,
  (grad, a, b) => [() => mul(grad, b), () => mul(grad, a)],
);

/** `a / b`, broadcast. */
export const div: BinaryOp = binary(
  'div',
  (x, y) => x / y,
  (grad, a, b) => [() => div(grad, b), () => scale(div(mul(grad, a), mul(b, b)), -1)],
  samples.map((sample) => ({
    ...sample,
    inputs: [sample.inputs[0]!, { shape: sample.inputs[1] as Shape, range: [0.5, 2] as const }],
  })),
);

/** The larger of `a` and `b`; equal elements share the gradient. */
export const maximum: BinaryOp = binary(
  'maximum',
  (x, y) => (x > y || Number.isNaN(x) ? x : y),
  (grad, a, b) => [() => mul(grad, preference(a, b)), () => mul(grad, preference(b, a))],
);

/** The smaller of `a` and `b`; equal elements share the gradient. */
export const minimum: BinaryOp = binary(
  'minimum',
  (x, y) => (x < y || Number.isNaN(x) ? x : y),
  (grad, a, b) => [() => mul(grad, preference(b, a)), () => mul(grad, preference(a, b))],
);

/** 1 where a > b, ½ where a = b, 0 where a < b. */
function preference(a: Tensor, b: Tensor): Tensor {
  return scale(sign(sub(a, b)), 0.5, 0.5);
}
