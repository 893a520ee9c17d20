import { describe, expect, test } from 'vitest';
import {
  activations,
  blank,
  dropoutFactor,
  erf,
  expectKernel,
  expectRounded,
  noise,
  runKernel,
} from '../../../tests/support/native-kernels.ts';
import { activationNames } from '../../ops/activate/index.ts';
import {
  type BinaryMode,
  binaryModes,
  binaryNames,
  unaryCode,
  unaryNames,
} from '../../ops/elementwise/codes.ts';

const inf = Number.POSITIVE_INFINITY;
const sizes = [0, 1, 15, 16, 17, 33, 1000];

const unary: Record<(typeof unaryNames)[number], (x: number) => number> = {
  neg: (x) => -x,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  reciprocal: (x) => 1 / x,
  tanh: Math.tanh,
  sigmoid: activations.sigmoid!,
  relu: activations.relu!,
  gelu: activations.gelu!,
  geluTanh: activations.geluTanh!,
  silu: activations.silu!,
  abs: Math.abs,
  square: (x) => x * x,
  sin: Math.sin,
  cos: Math.cos,
  erf,
  sign: Math.sign,
};

describe('unary', () => {
  for (const [code, name] of unaryNames.entries()) {
    test(name, (context) => {
      // Dense around 0, then to where float32 ends for exp.
      const steps = Float32Array.from({ length: 8001 }, (_, n) => (n - 4000) / 500);
      const wide = noise(2000).map((value) => value * 86);
      const small = noise(500).map((value) => value * 1e-4);
      for (const x of [steps, wide, small, ...sizes.map((size) => noise(size))]) {
        const want = Float64Array.from(x, unary[name]);
        const test = {
          kernel: 'unary',
          outputs: [blank(x.length)],
          inputs: [x],
          ints: [code],
          items: x.length,
        };
        expectKernel(context, test, [want], { relative: 2e-6, absolute: 1e-7 });
      }
    });
  }

  const limits: [string, number, number][] = [
    ['exp', -inf, 0],
    ['exp', inf, inf],
    ['exp', 89, inf],
    ['exp', -120, 0],
    ['tanh', inf, 1],
    ['tanh', -inf, -1],
    ['sigmoid', -inf, 0],
    ['sigmoid', inf, 1],
    ['erf', inf, 1],
    ['erf', -inf, -1],
    ['relu', -inf, 0],
    ['log', 0, -inf],
    ['reciprocal', 0, inf],
    ['gelu', inf, inf],
    ['sign', -inf, -1],
    ['sign', -1e-45, -1],
    ['sign', 0, 0],
  ];
  for (const [name, input, want] of limits) {
    test(`${name}(${input}) = ${want}`, (context) => {
      const code = unaryCode(name);
      const x = new Float32Array(21).fill(input);
      const test = { kernel: 'unary', outputs: [blank(21)], inputs: [x], ints: [code], items: 21 };
      expectKernel(context, test, [new Float64Array(21).fill(want)], { absolute: 0 });
    });
  }

  test('NaN stays NaN in every function', (context) => {
    const x = new Float32Array(21).fill(Number.NaN);
    for (const code of unaryNames.keys()) {
      const test = { kernel: 'unary', outputs: [new Float32Array(21)], inputs: [x], ints: [code], items: 21 };
      expectKernel(context, test, [x]);
    }
  });
});

const binary: Record<(typeof binaryNames)[number], (x: number, y: number) => number> = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
  maximum: Math.max,
  minimum: Math.min,
};

/** Length of an operand of [rows, C], and which of its elements meets element n. */
function operand(mode: BinaryMode, side: 'a' | 'b', rows: number, C: number) {
  if (mode === `${side}Row`) return { length: C, at: (n: number) => n % C };
  if (mode === `${side}Column`) return { length: rows, at: (n: number) => Math.floor(n / C) };
  if (mode === `${side}Scalar`) return { length: 1, at: () => 0 };
  return { length: rows * C, at: (n: number) => n };
}

describe('binary', () => {
  for (const [modeCode, mode] of binaryModes.entries()) {
    for (const [code, name] of binaryNames.entries()) {
      test(`${name}, ${mode}`, (context) => {
        for (const [rows, C] of [
          [0, 4],
          [1, 1],
          [7, 1],
          [3, 5],
          [40, 37],
          [3, 129],
        ] as const) {
          const left = operand(mode, 'a', rows, C);
          const right = operand(mode, 'b', rows, C);
          const a = noise(left.length, 1);
          const b = noise(right.length, 2);
          const items = rows * C;
          const want = Float64Array.from({ length: items }, (_, n) =>
            binary[name](a[left.at(n)]!, b[right.at(n)]!),
          );
          const test = {
            kernel: 'binary',
            outputs: [blank(items)],
            inputs: [a, b],
            ints: [code, modeCode, C],
            items,
          };
          expectKernel(context, test, [want], { relative: 1e-6, absolute: 1e-30 });
        }
      });
    }
  }

  test('the maximum and the minimum of a NaN and a number are NaN', (context) => {
    const a = new Float32Array(18).fill(1);
    const b = new Float32Array(18).fill(Number.NaN);
    for (const code of [4, 5]) {
      for (const inputs of [
        [a, b],
        [b, a],
      ]) {
        const test = {
          kernel: 'binary',
          outputs: [new Float32Array(18)],
          inputs,
          ints: [code, 0, 1],
          items: 18,
        };
        expectKernel(context, test, [b]);
      }
    }
  });
});

describe('axpy, scale, fill', () => {
  test('every size', (context) => {
    for (const items of sizes) {
      const x = noise(items, 1);
      const y = noise(items, 2);
      const sum = Float64Array.from(y, (value, n) => value + 0.3 * x[n]!);
      const line = Float64Array.from(x, (value) => -2.5 * value + 0.7);
      const close = { absolute: 1e-6 };
      expectKernel(
        context,
        { kernel: 'axpy', outputs: [y], inputs: [x], floats: [0.3], items },
        [sum],
        close,
      );
      const scale = { kernel: 'scale', outputs: [blank(items)], inputs: [x], floats: [-2.5, 0.7], items };
      expectKernel(context, scale, [line], close);
      const fill = { kernel: 'fill', outputs: [blank(items)], floats: [0.25], items };
      expectKernel(context, fill, [new Float64Array(items).fill(0.25)], {});
    }
  });
});

const shapes = [
  [0, 3],
  [1, 1],
  [5, 7],
  [4, 16],
  [90, 33],
  [300, 70],
] as const;
const [k0, k1] = [0xfffffff0, 77];

/** Sums of each column of [rows, C]. */
function columnSums(values: Float64Array, C: number): Float64Array {
  const sums = new Float64Array(C);
  values.forEach((value, n) => {
    sums[n % C]! += value;
  });
  return sums;
}

describe('bias_activation_dropout', () => {
  for (const [code, name] of activationNames.entries()) {
    for (const p of [0, 0.4]) {
      test(`${name}, p = ${p}`, (context) => {
        const f = activations[name]!;
        const slope = (x: number) => (name === 'relu' ? Number(x > 0) : (f(x + 1e-5) - f(x - 1e-5)) / 2e-5);
        for (const [rows, C] of shapes) {
          for (const bias of [noise(C, 5), null]) {
            const items = rows * C;
            const x = noise(items, 1).map((value) => value * 4);
            const dy = noise(items, 2);
            const factor = (n: number) => dropoutFactor(n, p, k0, k1);
            const at = (n: number) => Math.fround(x[n]! + (bias?.[n % C] ?? 0));
            const y = Float64Array.from(x, (_, n) => (factor(n) === 0 ? 0 : factor(n) * f(at(n))));
            const dx = Float64Array.from(dy, (value, n) => value * factor(n) * slope(at(n)));
            const tolerance = { absolute: 2e-6, relative: 4e-6 };
            expectKernel(
              context,
              {
                ...{ kernel: 'bias_activation_dropout', outputs: [blank(items)], inputs: [x, bias] },
                ...{ ints: [C, code, k0, k1, 0], floats: [p], items: rows },
              },
              [y],
              tolerance,
            );
            const backward = {
              ...{ kernel: 'bias_activation_dropout_backward', outputs: [blank(items), blank(C)] },
              ...{ inputs: [dy, x, bias], ints: [rows, C, code, k0, k1], floats: [p] },
            };
            expectKernel(context, backward, [dx, null], tolerance);
            expectKernel(context, backward, [null, columnSums(dx, C)], { absolute: 2e-4 });
            expectKernel(context, { ...backward, outputs: [blank(items), null] }, [dx], tolerance);
          }
        }
      });
    }
  }
});

test('bias_activation_dropout stores what it makes as bf16', (context) => {
  for (const [rows, C] of shapes) {
    const items = rows * C;
    const x = noise(items, 1).map((value) => value * 4);
    x.set([Number.NaN, Number.POSITIVE_INFINITY].slice(0, items));
    const given = { kernel: 'bias_activation_dropout', inputs: [x, noise(C, 5)], floats: [0.4], items: rows };
    expectRounded(context, { ...given, outputs: [blank(items)], ints: [C, 1, k0, k1] });
  }
});

describe('bias_dropout_residual', () => {
  for (const p of [0, 0.1]) {
    test(`p = ${p}`, (context) => {
      for (const [rows, C] of shapes) {
        const items = rows * C;
        const x = noise(items, 1);
        const dy = noise(items, 2);
        for (const [bias, residual] of [
          [noise(C, 3), noise(items, 4)],
          [null, null],
        ] as const) {
          const factor = (n: number) => dropoutFactor(n, p, k0, k1);
          const y = Float64Array.from(
            x,
            (value, n) => (residual?.[n] ?? 0) + factor(n) * (value + (bias?.[n % C] ?? 0)),
          );
          const forward = {
            kernel: 'bias_dropout_residual',
            outputs: [blank(items)],
            inputs: [x, bias, residual],
          };
          expectKernel(context, { ...forward, ints: [C, k0, k1], floats: [p], items: rows }, [y]);
          const dx = Float64Array.from(dy, (value, n) => value * factor(n));
          const outputs = [blank(items), bias ? blank(C) : null];
          const wanted = [dx, bias ? columnSums(dx, C) : null];
          const backward = { kernel: 'bias_dropout_residual_backward', outputs, inputs: [dy], floats: [p] };
          expectKernel(context, { ...backward, ints: [rows, C, k0, k1] }, wanted, {
            absolute: 1e-4,
            relative: 1e-6,
          });
        }
      }
    });
  }

  test('drops a share p of the elements, and all of them for p = 1, infinities too', (context) => {
    const items = 20000;
    const x = new Float32Array(items).fill(1);
    const test = {
      kernel: 'bias_dropout_residual',
      outputs: [blank(items)],
      inputs: [x, null, null],
      items: 1,
    };
    runKernel(context, { ...test, ints: [items, 5, 6], floats: [0.3] }, ([y]) => {
      const dropped = [...y!].filter((value) => value === 0).length;
      expect(Math.abs(dropped / items - 0.3)).toBeLessThan(0.015);
    });
    x.fill(inf);
    expectKernel(context, { ...test, ints: [items, 5, 6], floats: [1] }, [new Float64Array(items)], {});
  });
});

describe('adam', () => {
  for (const decoupled of [0, 1]) {
    for (const weightDecay of [0, 0.05]) {
      test(`${decoupled ? 'AdamW' : 'Adam'}, decay ${weightDecay}: three steps`, (context) => {
        for (const items of sizes) {
          const [lr, beta1, beta2, eps, gradScale] = [0.01, 0.9, 0.98, 1e-9, 0.5];
          let state = [noise(items, 1), new Float32Array(items), new Float32Array(items)];
          const want = state.map((values) => Float64Array.from(values));
          for (let step = 1; step <= 3; step++) {
            const g = noise(items, 10 + step);
            const [c1, c2] = [1 - beta1 ** step, 1 - beta2 ** step];
            for (let n = 0; n < items; n++) {
              let p = want[0]![n]!;
              const grad = g[n]! * gradScale + (decoupled ? 0 : weightDecay * p);
              if (decoupled) p *= 1 - lr * weightDecay;
              const m = (want[1]![n] = beta1 * want[1]![n]! + (1 - beta1) * grad);
              const v = (want[2]![n] = beta2 * want[2]![n]! + (1 - beta2) * grad * grad);
              want[0]![n] = p - (lr * (m / c1)) / (Math.sqrt(v / c2) + eps);
            }
            const floats = [lr, beta1, beta2, eps, weightDecay, c1, c2, gradScale];
            const ints = [decoupled, 1, 0, items, 1];
            const test = { kernel: 'adam', outputs: state, inputs: [g], ints, floats, items };
            expectKernel(context, test, want, { absolute: 2e-6, relative: 1e-5 });
            runKernel(context, test, (outputs) => {
              state = outputs as Float32Array[];
            });
            state = state.map((values) => values.slice());
          }
        }
      });
    }
  }

  test('several tensors in one launch equal each alone; only those that decay do', (context) => {
    const sizes = [5, 0, 40_000, 33];
    const floats = [0.01, 0.9, 0.98, 1e-9, 0.05, 0.1, 0.02, 0.5];
    const each = sizes.map((n, k) => [1, 2, 3, 4].map((seed) => noise(n, 10 * k + seed).map(Math.abs)));
    const inRow = (part: number) => each.map((tensors) => tensors[part]!);
    const alone = each.map((tensors, k) => {
      const outputs = tensors.slice(0, 3);
      const ints = [1, 1, 0, sizes[k]!, k % 2];
      const kernel = { kernel: 'adam', outputs, inputs: [tensors[3]!], ints, floats, items: sizes[k]! };
      let result: ArrayLike<number>[] = [];
      runKernel(context, kernel, (got) => {
        result = got.map((values) => Float64Array.from(values!));
      });
      return result;
    });
    const starts = [0, 5, 5, 40_005, 40_038];
    const together = {
      kernel: 'adam',
      outputs: [...inRow(0), ...inRow(1), ...inRow(2)],
      inputs: inRow(3),
      ints: [1, sizes.length, ...starts, ...sizes.map((_, k) => k % 2)],
      floats,
      items: starts.at(-1)!,
    };
    const wanted = [0, 1, 2].flatMap((part) => alone.map((result) => result[part]!));
    expectKernel(context, together, wanted, { absolute: 1e-6 });
  });
});
