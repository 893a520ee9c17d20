import { describe, expect, test } from 'vitest';
import {
  blank,
  dropoutFactor,
  expectKernel,
  needBinding,
  noise,
  runKernel,
} from '../../../tests/support/native-kernels.ts';
import { call } from './binding.ts';

const inf = Number.POSITIVE_INFINITY;
const shapes = [
  [0, 5],
  [1, 1],
  [3, 7],
  [5, 16],
  [2, 33],
  [37, 129],
  [4, 1000],
] as const;

/** Applies a function to each row of C numbers, in float64. */
function eachRow(x: ArrayLike<number>, C: number, f: (row: number[], index: number) => ArrayLike<number>) {
  const rows = Array.from({ length: x.length / C }, (_, r) =>
    Array.from({ length: C }, (_, c) => x[r * C + c]!),
  );
  return Float64Array.from(rows.flatMap((row, r) => Array.from(f(row, r))));
}

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
const times = (x: Float32Array, factor: number) => x.map((value) => value * factor);

function logSumExp(row: number[]): number {
  const max = Math.max(...row);
  return max + Math.log(sum(row.map((value) => Math.exp(value - max))));
}
const softmaxRow = (row: number[]) => row.map((value) => Math.exp(value - logSumExp(row)));

describe('softmax', () => {
  for (const [rows, C] of shapes) {
    test(`${rows} x ${C}`, (context) => {
      const x = times(noise(rows * C), 20);
      const dy = noise(rows * C, 2);
      const shape = { ints: [C], items: rows };
      const y = eachRow(x, C, softmaxRow);
      const z = eachRow(x, C, (row) => row.map((value) => value - logSumExp(row)));
      const dSoftmax = eachRow(y, C, (row, r) => {
        const grad = Array.from(dy.subarray(r * C, (r + 1) * C));
        const dot = sum(row.map((value, c) => value * grad[c]!));
        return row.map((value, c) => value * (grad[c]! - dot));
      });
      const dLogSoftmax = eachRow(z, C, (row, r) => {
        const grad = Array.from(dy.subarray(r * C, (r + 1) * C));
        return row.map((value, c) => grad[c]! - Math.exp(value) * sum(grad));
      });
      const out = () => [blank(rows * C)];
      const saved = (values: Float64Array) => Float32Array.from(values);
      expectKernel(context, { kernel: 'softmax', outputs: out(), inputs: [x], ...shape }, [y]);
      expectKernel(context, { kernel: 'log_softmax', outputs: out(), inputs: [x], ...shape }, [z]);
      const first = { kernel: 'softmax_backward', outputs: out(), inputs: [saved(y), dy], ...shape };
      expectKernel(context, first, [dSoftmax]);
      const second = { kernel: 'log_softmax_backward', outputs: out(), inputs: [saved(z), dy], ...shape };
      expectKernel(context, second, [dLogSoftmax], { absolute: 5e-6, relative: 2e-5 });
    });
  }

  test('a row of -inf gives 0, a NaN stays NaN, huge numbers do not overflow', (context) => {
    const C = 19;
    const x = new Float32Array(4 * C).fill(-inf);
    x.set(noise(C), C);
    x[C + 18] = Number.NaN;
    x[2 * C + 4] = Number.NaN; // among -inf
    x.fill(3e38, 3 * C);
    const want = new Float64Array(4 * C).fill(Number.NaN, C, 3 * C).fill(1 / C, 3 * C);
    expectKernel(context, { kernel: 'softmax', outputs: [blank(4 * C)], inputs: [x], ints: [C], items: 4 }, [
      want,
    ]);
  });
});

function normalize(row: number[], eps: number) {
  const mean = sum(row) / row.length;
  const variance = sum(row.map((value) => (value - mean) ** 2)) / row.length;
  return { mean, rstd: 1 / Math.sqrt(variance + eps) };
}

/** Layer norm of rows of C in float64. */
function slowNorm(
  x: ArrayLike<number>,
  C: number,
  w: Float32Array | null,
  b: Float32Array | null,
  eps: number,
) {
  const stats: { mean: number; rstd: number }[] = [];
  const normal = eachRow(x, C, (row, r) => {
    const { mean, rstd } = (stats[r] = normalize(row, eps));
    return row.map((value) => (value - mean) * rstd);
  });
  const y = eachRow(normal, C, (row) => row.map((n, c) => n * (w?.[c] ?? 1) + (b?.[c] ?? 0)));
  return { y, normal, means: stats.map(({ mean }) => mean), rstds: stats.map(({ rstd }) => rstd) };
}

/** Gradients of `slowNorm` for those of its result. */
function slowNormGradients(
  { normal, rstds }: ReturnType<typeof slowNorm>,
  C: number,
  w: Float32Array | null,
  dy: Float32Array,
) {
  const dx = eachRow(normal, C, (row, r) => {
    const g = row.map((_, c) => dy[r * C + c]! * (w?.[c] ?? 1));
    const product = sum(row.map((n, c) => n * g[c]!)) / C;
    return row.map((n, c) => (g[c]! - sum(g) / C - n * product) * rstds[r]!);
  });
  const dw = new Float64Array(C);
  const db = new Float64Array(C);
  dy.forEach((value, at) => {
    dw[at % C]! += value * normal[at]!;
    db[at % C]! += value;
  });
  return { dx, dw, db };
}

describe('layer_norm', () => {
  const eps = 1e-5;
  const tolerance = { absolute: 2e-5, relative: 2e-5 };
  for (const [rows, C] of shapes) {
    for (const affine of [true, false]) {
      const x = noise(rows * C);
      const w = affine ? noise(C, 2) : null;
      const b = affine ? noise(C, 3) : null;
      const slow = slowNorm(x, C, w, b, eps);

      test(`${rows} x ${C}${affine ? '' : ', without weight and bias'}`, (context) => {
        const outputs = [blank(rows * C), blank(rows), blank(rows)];
        const inputs = [x, w, b];
        const forward = { kernel: 'layer_norm', outputs, inputs, ints: [C], floats: [eps], items: rows };
        const wanted = [slow.y, slow.means, slow.rstds];
        expectKernel(context, forward, wanted, { absolute: 5e-6, relative: 1e-5 });
      });

      test(`gradients, ${rows} x ${C}${affine ? '' : ', without weight'}`, (context) => {
        const dy = noise(rows * C, 4);
        const { dx, dw, db } = slowNormGradients(slow, C, w, dy);
        const test = {
          ...{ kernel: 'layer_norm_backward', outputs: [blank(rows * C), blank(C), blank(C)] },
          ...{ inputs: [x, w, Float32Array.from(slow.means), Float32Array.from(slow.rstds), dy] },
          ints: [rows, C],
        };
        expectKernel(context, test, [dx, dw, db], tolerance);
        expectKernel(context, { ...test, outputs: [blank(rows * C), null, null] }, [dx], tolerance);
        expectKernel(context, { ...test, outputs: [null, blank(C), null] }, [null, dw], tolerance);
      });
    }
  }

  test('weights of many rows', (context) => {
    const [rows, C] = [1200, 70];
    const dy = noise(rows * C, 4);
    const x = noise(rows * C);
    const inputs = [x, null, new Float32Array(rows), new Float32Array(rows).fill(1), dy];
    const dw = new Float64Array(C);
    const db = new Float64Array(C);
    dy.forEach((value, at) => {
      dw[at % C]! += value * x[at]!;
      db[at % C]! += value;
    });
    const outputs = [null, blank(C), blank(C)];
    const test = { kernel: 'layer_norm_backward', outputs, inputs, ints: [rows, C] };
    expectKernel(context, test, [null, dw, db], { absolute: 1e-4, relative: 1e-5 });
  });

  test('keeps its digits with a mean of 1000 and a deviation of 0.001', (context) => {
    const C = 256;
    const x = noise(C).map((value) => 1000 + value * 0.001);
    const { mean, rstd } = normalize([...x], 1e-12);
    const y = [...x].map((value) => (value - mean) * rstd);
    const outputs = [blank(C), blank(1), blank(1)];
    const test = {
      kernel: 'layer_norm',
      outputs,
      inputs: [x, null, null],
      ints: [C],
      floats: [1e-12],
      items: 1,
    };
    expectKernel(context, test, [y, null, [rstd]], { absolute: 1e-4, relative: 1e-4 });
  });

  test('a constant row gives 0, a NaN makes its row NaN', (context) => {
    const x = new Float32Array(3 * 20).fill(5);
    x[27] = Number.NaN;
    const outputs = [blank(60), blank(3), blank(3)];
    const test = {
      kernel: 'layer_norm',
      outputs,
      inputs: [x, null, null],
      ints: [20],
      floats: [1e-5],
      items: 3,
    };
    runKernel(context, test, ([y]) => {
      expect([...y!]).toEqual([
        ...new Array(20).fill(0),
        ...new Array(20).fill(Number.NaN),
        ...new Array(20).fill(0),
      ]);
    });
  });
});

describe('dropout_residual_norm', () => {
  const [eps, k0, k1] = [1e-5, 0xdecade, 0xbeaded];
  const tolerance = { absolute: 2e-5, relative: 2e-5 };
  for (const [rows, C] of shapes) {
    for (const p of [0, 0.3]) {
      const items = rows * C;
      const [x, residual, dy] = [noise(items), noise(items, 5), noise(items, 4)];
      const [w, b] = p > 0 ? [noise(C, 2), noise(C, 3)] : [null, null];
      const factor = (n: number) => dropoutFactor(n, p, k0, k1);
      const total = Float64Array.from(x, (value, n) => residual[n]! + factor(n) * value);
      const slow = slowNorm(total, C, w, b, eps);

      test(`${rows} x ${C}, p = ${p}`, (context) => {
        const outputs = [blank(items), blank(items), blank(rows), blank(rows)];
        const given = { kernel: 'dropout_residual_norm', outputs, inputs: [x, residual, w, b] };
        const wanted = [slow.y, total, slow.means, slow.rstds];
        expectKernel(
          context,
          { ...given, ints: [C, k0, k1], floats: [p, eps], items: rows },
          wanted,
          tolerance,
        );
      });

      test(`gradients, ${rows} x ${C}, p = ${p}`, (context) => {
        const { dx: dTotal, dw, db } = slowNormGradients(slow, C, w, dy);
        const dx = dTotal.map((value, n) => value * factor(n));
        const inputs = [total, slow.means, slow.rstds].map((values) => Float32Array.from(values));
        const test = {
          ...{ kernel: 'dropout_residual_norm_backward', ints: [rows, C, k0, k1], floats: [p] },
          inputs: [inputs[0]!, w, inputs[1]!, inputs[2]!, dy],
        };
        const all = [blank(items), blank(items), blank(C), blank(C)];
        const wanted = [dx, dTotal, dw, db];
        for (const kept of [[0, 1, 2, 3], [0], [1], [0, 1], [2, 3]]) {
          const only = <T>(values: readonly T[]) =>
            values.map((value, i) => (kept.includes(i) ? value : null));
          expectKernel(context, { ...test, outputs: only(all) }, only(wanted), tolerance);
        }
      });
    }
  }
});

describe('cross_entropy', () => {
  for (const smoothing of [0, 0.1]) {
    for (const [rows, V] of [
      [0, 4],
      [1, 1],
      [5, 17],
      [33, 100],
      [3, 8001],
    ] as const) {
      test(`${rows} x ${V}, smoothing ${smoothing}`, (context) => {
        const logits = times(noise(rows * V), 30);
        const ignore = -100;
        const targets = Int32Array.from({ length: rows }, (_, r) => (r % 4 === 2 ? ignore : (r * 7919) % V));
        const grad = noise(rows, 9);
        const lse = Float64Array.from({ length: rows }, (_, r) =>
          logSumExp([...logits.subarray(r * V, (r + 1) * V)]),
        );
        const loss = lse.map((value, r) => {
          if (targets[r] === ignore) return 0;
          const row = [...logits.subarray(r * V, (r + 1) * V)];
          return (1 - smoothing) * (value - row[targets[r]!]!) + smoothing * (value - sum(row) / V);
        });
        const ints = [V, ignore];
        const common = { ints, floats: [smoothing], items: rows };
        const outputs = [blank(rows), blank(rows)];
        expectKernel(context, { kernel: 'cross_entropy', outputs, inputs: [logits, targets], ...common }, [
          loss,
          lse,
        ]);
        const dlogits = eachRow(logits, V, (row, r) =>
          row.map((value, c) => {
            const target = c === targets[r] ? 1 - smoothing : 0;
            return targets[r] === ignore
              ? 0
              : grad[r]! * (Math.exp(value - lse[r]!) - target - smoothing / V);
          }),
        );
        const inputs = [logits, Float32Array.from(lse), targets, grad];
        const backward = { kernel: 'cross_entropy_backward', outputs: [blank(rows * V)], inputs, ...common };
        expectKernel(context, backward, [dlogits], { absolute: 1e-6, relative: 2e-5 });
      });
    }
  }

  test('the gradient may take the place of the logits', (context) => {
    needBinding(context);
    const [rows, V] = [6, 37];
    const logits = noise(rows * V);
    const lse = new Float32Array(rows).fill(4);
    const targets = Int32Array.of(0, 36, 5, -100, 7, 8);
    const shape = { ints: [V, -100], floats: [0.1], items: rows };
    const apart = blank(rows * V);
    const grad = noise(rows, 2);
    call('cross_entropy_backward', { tensors: [apart, logits, lse, targets, grad], ...shape });
    call('cross_entropy_backward', { tensors: [logits, logits, lse, targets, grad], ...shape });
    expect(logits).toEqual(apart);
  });
});
