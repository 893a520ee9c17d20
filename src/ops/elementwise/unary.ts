/** Element-wise ops of one tensor: each row of the table gives formula, derivative and kernel code. */
import { defineOp, type Op, type Sample, type SampleInput } from '../../core/op.ts';
import type { Shape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { add, div, mul } from './binary.ts';
import { unaryCode } from './codes.ts';
import { erf as erfOf } from './erf.ts';
import { scale } from './scale.ts';
import { sign } from './sign.ts';

type One = readonly [x: Tensor];
type None = Record<never, never>;
type UnaryOp = ((x: Tensor) => Tensor) & { readonly definition: Op<One, None>['definition'] };

const shapes: readonly Shape[] = [[3, 7], [0], [1], [], [2, 33]];

function samplesOf({ range, kinkAtZero }: UnaryRow): Sample<None>[] {
  return shapes.map((shape): Sample<None> => {
    const input: SampleInput = range ? { shape, range } : kinkAtZero ? { shape, awayFromZero: 0.1 } : shape;
    return { inputs: [input], params: {} };
  });
}

interface UnaryRow {
  readonly name: string;
  readonly formula: (x: number) => number;
  /** Gradient of the input, in public ops. */
  readonly derivative: (grad: Tensor, x: Tensor, output: Tensor) => Tensor;
  /** Interval from which samples are drawn, to keep away from poles. */
  readonly range?: readonly [number, number];
  readonly kinkAtZero?: boolean;
}

function unary(row: UnaryRow): UnaryOp {
  const { name, formula, derivative } = row;
  const code = unaryCode(name);
  const op = defineOp<One, None>({
    name,
    samples: samplesOf(row),
    shape: ([x]) => x,
    compute: ({ inputs: [x], output }) => {
      const [from, to] = [x.data, output.data];
      for (let i = 0; i < to.length; i++) to[i] = formula(from[i]!);
    },
    backward: ({ inputs: [x], output, grad }) => [derivative(grad, x, output)],
    ...(code >= 0 && {
      kernel: {
        names: ['unary'],
        forward: ({ inputs: [x], output }) => ({
          name: 'unary',
          tensors: [output.data, x.data],
          ints: [code],
          floats: [],
          items: output.size,
        }),
      },
    }),
  });
  return Object.assign((x: Tensor) => op(x, {}), { definition: op.definition });
}

/** `−x` */
export const neg: UnaryOp = unary({ name: 'neg', formula: (x) => -x, derivative: (grad) => neg(grad) });

/** `eˣ` */
export const exp: UnaryOp = unary({
  name: 'exp',
  formula: Math.exp,
  derivative: (grad, _, y) => mul(grad, y),
});

/** `ln x` */
export const log: UnaryOp = unary({
  name: 'log',
  formula: Math.log,
  derivative: (grad, x) => div(grad, x),
  range: [0.2, 3],
});

/** `√x` */
export const sqrt: UnaryOp = unary({
  name: 'sqrt',
  formula: Math.sqrt,
  derivative: (grad, _, y) => scale(div(grad, y), 0.5),
  range: [0.2, 3],
});

/** `1/x` */
export const reciprocal: UnaryOp = unary({
  name: 'reciprocal',
  formula: (x) => 1 / x,
  derivative: (grad, _, y) => neg(mul(grad, square(y))),
  range: [0.4, 3],
});

/** `x²` */
export const square: UnaryOp = unary({
  name: 'square',
  formula: (x) => x * x,
  derivative: (grad, x) => mul(grad, scale(x, 2)),
});

/** `|x|`; its gradient at 0 is 0. */
export const abs: UnaryOp = unary({
  name: 'abs',
  formula: Math.abs,
  derivative: (grad, x) => mul(grad, sign(x)),
  kinkAtZero: true,
});

/** `sin x` */
export const sin: UnaryOp = unary({
  name: 'sin',
  formula: Math.sin,
  derivative: (grad, x) => mul(grad, cos(x)),
});

/** `cos x` */
export const cos: UnaryOp = unary({
  name: 'cos',
  formula: Math.cos,
  derivative: (grad, x) => neg(mul(grad, sin(x))),
});

/** `tanh x` */
export const tanh: UnaryOp = unary({
  name: 'tanh',
  formula: Math.tanh,
  derivative: (grad, _, y) => mul(grad, scale(square(y), -1, 1)),
});

/** `σ(x) = 1 / (1 + e⁻ˣ)` */
export const sigmoid: UnaryOp = unary({
  name: 'sigmoid',
  formula: (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x))),
  derivative: (grad, _, y) => mul(grad, mul(y, scale(y, -1, 1))),
});

/** `erf x = 2/√π ∫₀ˣ e^(−t²) dt` */
export const erf: UnaryOp = unary({
  name: 'erf',
  formula: erfOf,
  derivative: (grad, x) => mul(grad, scale(exp(neg(square(x))), 2 / Math.sqrt(Math.PI))),
});

/** `max(0, x)`; its gradient at 0 is 0. Paper: Nair & Hinton, Rectified Linear Units, ICML 2010. */
export const relu: UnaryOp = unary({
  name: 'relu',
  formula: (x) => (x > 0 || Number.isNaN(x) ? x : 0),
  derivative: (grad, _, y) => mul(grad, sign(y)),
  kinkAtZero: true,
});

/** Φ, the distribution function of the standard normal. */
function normalCdf(x: Tensor): Tensor {
  return scale(erf(scale(x, Math.SQRT1_2)), 0.5, 0.5);
}

/** φ, its density. */
function normalDensity(x: Tensor): Tensor {
  return scale(exp(scale(square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
}

/** `x Φ(x)`, exact. Paper: Hendrycks & Gimpel, Gaussian Error Linear Units, 2016, https://arxiv.org/abs/1606.08415 */
export const gelu: UnaryOp = unary({
  name: 'gelu',
  formula: (x) => 0.5 * x * (1 + erfOf(x * Math.SQRT1_2)),
  derivative: (grad, x) => mul(grad, add(normalCdf(x), mul(x, normalDensity(x)))),
});

const GELU_SLOPE = Math.sqrt(2 / Math.PI);
const GELU_CUBIC = 0.044715;

/** `½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))`, the approximation of the same paper that GPT-2 uses. */
export const geluTanh: UnaryOp = unary({
  name: 'geluTanh',
  formula: (x) => 0.5 * x * (1 + Math.tanh(GELU_SLOPE * (x + GELU_CUBIC * x ** 3))),
  derivative: (grad, x) => {
    const squared = square(x);
    const inner = mul(x, scale(squared, GELU_SLOPE * GELU_CUBIC, GELU_SLOPE));
    const t = tanh(inner);
    const slope = mul(scale(square(t), -1, 1), scale(squared, 3 * GELU_SLOPE * GELU_CUBIC, GELU_SLOPE));
    return mul(grad, scale(add(scale(t, 1, 1), mul(x, slope)), 0.5));
  },
});

/** `x σ(x)`, also called swish. Paper: Ramachandran, Zoph & Le, Searching for Activation Functions, 2017. */
export const silu: UnaryOp = unary({
  name: 'silu',
  formula: (x) => x / (1 + Math.exp(-x)),
  derivative: (grad, x) => {
    const gate = sigmoid(x);
    return mul(grad, mul(gate, scale(mul(x, scale(gate, -1, 1)), 1, 1)));
  },
});
