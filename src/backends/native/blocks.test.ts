import { describe, expect, test } from 'vitest';
import {
  activations,
  blank,
  dropoutFactor,
  expectKernel,
  expectRounded,
  noise,
  runKernel,
} from '../../../tests/support/native-kernels.ts';
import { activationNames } from '../../ops/activate/index.ts';

const shapes = [
  [0, 3],
  [1, 1],
  [5, 7],
  [4, 16],
  [90, 33],
  [300, 70],
] as const;

describe('rms_norm', () => {
  const eps = 1e-5;
  for (const [rows, C] of shapes) {
    for (const w of [noise(C, 2), null]) {
      test(`${rows} x ${C}${w ? '' : ', without weight'}`, (context) => {
        const [x, dy] = [noise(rows * C), noise(rows * C, 4)];
        const gain = (n: number): number => w?.[n % C] ?? 1;
        const rowOf = (n: number): number => Math.floor(n / C);
        const over = (row: number, f: (n: number) => number): number => {
          let total = 0;
          for (let c = 0; c < C; c++) total += f(row * C + c) / C;
          return total;
        };
        const factors = Array.from(
          { length: rows },
          (_, r) => 1 / Math.sqrt(over(r, (n) => x[n]! * x[n]!) + eps),
        );
        const y = Float64Array.from(x, (value, n) => value * factors[rowOf(n)]! * gain(n));
        const forward = {
          ...{ kernel: 'rms_norm', outputs: [blank(rows * C), blank(rows)], inputs: [x, w] },
          ...{ ints: [C], floats: [eps], items: rows },
        };
        const tolerance = { absolute: 5e-6, relative: 1e-5 };
        expectKernel(context, forward, [y, factors], tolerance);

        const normal = (n: number): number => x[n]! * factors[rowOf(n)]!;
        const slopes = factors.map((_, r) => over(r, (n) => dy[n]! * gain(n) * normal(n)));
        const dx = Float64Array.from(
          dy,
          (g, n) => (g * gain(n) - normal(n) * slopes[rowOf(n)]!) * factors[rowOf(n)]!,
        );
        const dw = new Float64Array(C);
        dy.forEach((g, n) => {
          dw[n % C]! += g * normal(n);
        });
        const backward = {
          ...{ kernel: 'rms_norm_backward', outputs: [blank(rows * C), blank(C)] },
          ...{ inputs: [x, w, Float32Array.from(factors), dy], ints: [rows, C] },
        };
        const wider = { absolute: 5e-5, relative: 2e-5 };
        expectKernel(context, backward, [dx, dw], wider);
        expectKernel(context, { ...backward, outputs: [blank(rows * C), null] }, [dx], wider);
        expectKernel(context, { ...backward, outputs: [null, blank(C)] }, [null, dw], wider);
      });
    }
  }

  test('a row of zeros stays zero, a NaN makes its row NaN', (context) => {
    const x = new Float32Array(2 * 20);
    x[27] = Number.NaN;
    const outputs = [blank(40), blank(2)];
    const given = { kernel: 'rms_norm', outputs, inputs: [x, null], ints: [20], floats: [eps], items: 2 };
    runKernel(context, given, ([y]) => {
      expect([...y!]).toEqual([...new Array(20).fill(0), ...new Array(20).fill(Number.NaN)]);
    });
  });
});

describe('gated_activation', () => {
  const [k0, k1] = [0xfffffff0, 77];
  for (const [code, name] of activationNames.entries()) {
    for (const p of [0, 0.4]) {
      test(`${name}, p = ${p}`, (context) => {
        const f = activations[name]!;
        const slope = (x: number) => (name === 'relu' ? Number(x > 0) : (f(x + 1e-5) - f(x - 1e-5)) / 2e-5);
        for (const [rows, C] of shapes) {
          const items = rows * C;
          const gate = noise(items, 1).map((value) => value * 4);
          const [values, dy] = [noise(items, 2), noise(items, 3)];
          const factor = (n: number) => dropoutFactor(n, p, k0, k1);
          const each = (g: (n: number) => number) =>
            Float64Array.from(gate, (_, n) => factor(n) && g(n) * factor(n));
          const y = each((n) => f(gate[n]!) * values[n]!);
          const dGate = each((n) => dy[n]! * values[n]! * slope(gate[n]!));
          const dValues = each((n) => dy[n]! * f(gate[n]!));
          const common = { ints: [C, code, k0, k1, 0], floats: [p], items: rows };
          const tolerance = { absolute: 4e-6, relative: 8e-6 };
          const forward = {
            kernel: 'gated_activation',
            outputs: [blank(items)],
            inputs: [gate, values],
            ...common,
          };
          expectKernel(context, forward, [y], tolerance);
          const backward = {
            ...{ kernel: 'gated_activation_backward', outputs: [blank(items), blank(items)] },
            ...{ inputs: [dy, gate, values], ...common },
          };
          expectKernel(context, backward, [dGate, dValues], tolerance);
          expectKernel(context, { ...backward, outputs: [blank(items), null] }, [dGate], tolerance);
          expectKernel(context, { ...backward, outputs: [null, blank(items)] }, [null, dValues], tolerance);
        }
      });
    }
  }
});

test('gated_activation stores what it makes as bf16', (context) => {
  for (const [rows, C] of shapes) {
    const inputs = [noise(rows * C, 1), noise(rows * C, 2)];
    const given = { kernel: 'gated_activation', inputs, floats: [0.4], items: rows };
    expectRounded(context, { ...given, outputs: [blank(rows * C)], ints: [C, 4, 5, 6] });
  }
});
