import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { blank, expectKernel, needBinding, noise, runKernel } from '../../../tests/support/native-kernels.ts';

describe('embedding', () => {
  for (const [tokens, V, C] of [
    [0, 3, 4],
    [1, 1, 1],
    [9, 5, 7],
    [40, 33, 16],
    [200, 50, 130],
  ] as const) {
    for (const padding of [-1, 0]) {
      test(`${tokens} tokens, ${V} x ${C}, padding ${padding}`, (context) => {
        const table = noise(V * C);
        const ids = Int32Array.from(noise(tokens, 3), (value) => Math.floor((value + 1) * 0.5 * V));
        const scale = 1.5;
        const factor = (id: number) => (id === padding ? 1 : scale);
        const y = Float64Array.from({ length: tokens * C }, (_, n) => {
          const id = ids[Math.floor(n / C)]!;
          return factor(id) * table[id * C + (n % C)]!;
        });
        const forward = {
          kernel: 'embedding',
          outputs: [blank(tokens * C)],
          inputs: [table, ids],
          items: tokens,
        };
        expectKernel(context, { ...forward, ints: [V, C, padding], floats: [scale] }, [y]);
        const dy = noise(tokens * C, 5);
        for (const accumulate of [0, 1]) {
          const before = accumulate ? noise(V * C, 6) : blank(V * C);
          const grad = accumulate ? Float64Array.from(before) : new Float64Array(V * C);
          dy.forEach((value, n) => {
            const id = ids[Math.floor(n / C)]!;
            if (id !== padding) grad[id * C + (n % C)]! += scale * value;
          });
          const backward = {
            kernel: 'embedding_backward',
            outputs: [before],
            inputs: [dy, ids],
            floats: [scale],
          };
          const ints = [tokens, V, C, padding, accumulate];
          expectKernel(context, { ...backward, ints }, [grad], { absolute: 5e-6 });
        }
      });
    }
  }
});

describe('reduce', () => {
  const shapes = [
    [0, 3, 2],
    [2, 0, 3],
    [1, 1, 1],
    [3, 5, 1],
    [7, 33, 1],
    [2, 9, 5],
    [3, 300, 17],
    [1, 1500, 40],
    [2, 40000, 1],
    [900, 3, 20],
  ] as const;
  for (const [outer, n, inner] of shapes) {
    test(`[${outer}, ${n}, ${inner}]`, (context) => {
      const x = noise(outer * n * inner);
      const sums = new Float64Array(outer * inner);
      const maxima = new Float64Array(outer * inner).fill(Number.NEGATIVE_INFINITY);
      x.forEach((value, at) => {
        const to = Math.floor(at / (n * inner)) * inner + (at % inner);
        sums[to]! += value;
        maxima[to] = Math.max(maxima[to]!, value);
      });
      const test = { outputs: [blank(sums.length)], inputs: [x], ints: [outer, n, inner] };
      expectKernel(context, { kernel: 'reduce_sum', ...test }, [sums], { absolute: 2e-5, relative: 1e-6 });
      expectKernel(context, { kernel: 'reduce_max', ...test }, [maxima], {});
    });
  }

  test('a million equal numbers: the sum keeps its digits along either axis', (context) => {
    const n = 1_000_003;
    const x = new Float32Array(n).fill(0.1);
    const want = [Math.fround(0.1) * n];
    for (const ints of [
      [1, n, 1],
      [1, Math.floor(n / 3), 3],
    ]) {
      const total = [want[0]!];
      const test = { kernel: 'reduce_sum', outputs: [blank(ints[2]!)], inputs: [x], ints };
      const wanted = ints[2] === 1 ? total : new Array(3).fill(Math.fround(0.1) * Math.floor(n / 3));
      expectKernel(context, test, [wanted], { relative: 2e-6 });
    }
  });

  test('the maximum of a NaN and numbers is NaN', (context) => {
    for (const [n, inner] of [
      [50, 1],
      [50, 20],
    ] as const) {
      const x = noise(n * inner);
      x[3 * inner] = Number.NaN;
      const test = {
        kernel: 'reduce_max',
        outputs: [new Float32Array(inner)],
        inputs: [x],
        ints: [1, n, inner],
      };
      runKernel(context, test, ([y]) => expect([...y!].map(Number.isNaN).indexOf(true)).toBe(0));
    }
  });

  test('sum_squares of several tensors, in double', (context) => {
    for (const sizes of [[], [0], [1], [31, 0, 1000], [50_001, 7, 16_384, 16_385]]) {
      const inputs = sizes.map((n, seed) => noise(n, seed).map((value) => value * 1000));
      const want = inputs.flatMap((x) => [...x]).reduce((sum, value) => sum + value * value, 0);
      const outputs = [new Float64Array(1).fill(Number.NaN)];
      const ints = [sizes.length, ...sizes];
      expectKernel(context, { kernel: 'sum_squares', outputs, inputs, ints }, [[want]], { relative: 1e-13 });
    }
  });
});

/** Axes of x in a new order, one element at a time. */
function permuted(x: ArrayLike<number>, shape: readonly number[], order: readonly number[]) {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const dims = order.map((axis) => shape[axis]!);
  const steps = order.map((axis) => strides[axis]!);
  const want = Float64Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, n) => {
    let [rest, from] = [n, 0];
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      from += (rest % dims[axis]!) * steps[axis]!;
      rest = Math.floor(rest / dims[axis]!);
    }
    return x[from]!;
  });
  return { want, ints: [dims.length, ...dims, ...steps] };
}

describe('permute', () => {
  test('any order of up to six axes', (context) => {
    needBinding(context);
    const arbitrary = fc
      .array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 })
      .chain((shape) => {
        const axes = [...shape.keys()];
        return fc.tuple(fc.constant(shape), fc.shuffledSubarray(axes, { minLength: axes.length }));
      });
    fc.assert(
      fc.property(arbitrary, ([shape, order]) => {
        const x = noise(shape.reduce((a, b) => a * b, 1));
        const { want, ints } = permuted(x, shape, order);
        const items = want.length;
        expectKernel(
          context,
          { kernel: 'permute', outputs: [blank(items)], inputs: [x], ints, items },
          [want],
          {},
        );
      }),
      { numRuns: 80, seed: 3 },
    );
  });

  test('transposes and head splits of ordinary size, an empty one', (context) => {
    const cases: [number[], number[]][] = [
      [
        [130, 67],
        [1, 0],
      ],
      [
        [3, 45, 70],
        [0, 2, 1],
      ],
      [
        [2, 17, 4, 16],
        [0, 2, 1, 3],
      ],
      [
        [2, 17, 4, 16],
        [0, 2, 3, 1],
      ],
      [
        [2, 0, 4],
        [2, 0, 1],
      ],
    ];
    for (const [shape, order] of cases) {
      const x = noise(shape.reduce((a, b) => a * b, 1));
      const { want, ints } = permuted(x, shape, order);
      const items = want.length;
      expectKernel(
        context,
        { kernel: 'permute', outputs: [blank(items)], inputs: [x], ints, items },
        [want],
        {},
      );
    }
  });

  test('a stride of 0 repeats', (context) => {
    const test = { kernel: 'permute', outputs: [blank(6)], inputs: [new Float32Array([1, 2])], items: 6 };
    expectKernel(context, { ...test, ints: [2, 3, 2, 0, 1] }, [[1, 2, 1, 2, 1, 2]], {});
    expectKernel(context, { ...test, ints: [2, 2, 3, 1, 0] }, [[1, 1, 1, 2, 2, 2]], {});
  });
});

describe('top_k and argmax', () => {
  test('equal the first k of a stable sort', (context) => {
    needBinding(context);
    const row = fc.array(fc.constantFrom(-2, -1, -0, 0, 0.5, 1, 1024, Number.NEGATIVE_INFINITY), {
      minLength: 1,
      maxLength: 60,
    });
    const arbitrary = row.chain((x) => fc.tuple(fc.constant(x), fc.integer({ min: 0, max: x.length })));
    fc.assert(
      fc.property(arbitrary, ([values, k]) => {
        const C = values.length;
        const x = Float32Array.from([...values, ...values.toReversed()]);
        const rows = [values, values.toReversed()];
        const sorted = rows.map((row) => [...row.keys()].sort((i, j) => row[j]! - row[i]! || i - j));
        const best = sorted.flatMap((order) => order.slice(0, k));
        const want = rows.flatMap((row, r) => sorted[r]!.slice(0, k).map((at) => row[at]! + 0));
        const topK = { kernel: 'top_k', inputs: [x], ints: [C, k], items: 2 };
        runKernel(
          context,
          { ...topK, outputs: [blank(2 * k), new Int32Array(2 * k).fill(-9)] },
          ([y, at]) => {
            expect([...at!]).toEqual(best);
            expect([...y!].map((value) => value + 0)).toEqual(want);
          },
        );
        const outputs = [new Int32Array(2).fill(-9)];
        const argmax = { kernel: 'argmax', outputs, inputs: [x], ints: [C], items: 2 };
        runKernel(context, argmax, ([at]) => expect([...at!]).toEqual(sorted.map((order) => order[0])));
      }),
      { numRuns: 60, seed: 5 },
    );
  });

  test('a NaN counts as the largest', (context) => {
    const x = Float32Array.of(1, Number.POSITIVE_INFINITY, Number.NaN, -Number.NaN, 5);
    runKernel(context, { kernel: 'argmax', outputs: [new Int32Array(1)], inputs: [x], ints: [5] }, ([at]) =>
      expect(at![0]).toBe(2),
    );
    const topK = { kernel: 'top_k', outputs: [blank(4), new Int32Array(4)], inputs: [x], ints: [5, 4] };
    runKernel(context, topK, ([, at]) => expect([...at!]).toEqual([2, 3, 1, 4]));
  });

  test('a vocabulary of ordinary size', (context) => {
    const x = noise(3 * 5000);
    const want = [0, 1, 2].flatMap((r) => {
      const row = [...x.subarray(r * 5000, (r + 1) * 5000)];
      return [...row.keys()].sort((i, j) => row[j]! - row[i]! || i - j).slice(0, 50);
    });
    const outputs = [blank(150), new Int32Array(150)];
    const test = { kernel: 'top_k', outputs, inputs: [x], ints: [5000, 50], items: 3 };
    runKernel(context, test, ([, at]) => expect([...at!]).toEqual(want));
    const best = { kernel: 'argmax', outputs: [new Int32Array(3)], inputs: [x], ints: [5000], items: 3 };
    runKernel(context, best, ([at]) => expect([...at!]).toEqual([want[0], want[50], want[100]]));
  });
});

describe('copy_rows and gather_rows', () => {
  test('copies rows between layouts and touches nothing else', (context) => {
    for (const [rows, C] of [
      [0, 3],
      [3, 0],
      [1, 1],
      [40, 13],
    ] as const) {
      const [dstRow, srcRow, dstAt, srcAt] = [C + 4, C + 2, 3, 5];
      const src = noise(rows * srcRow + srcAt);
      const dst = noise(rows * dstRow + dstAt, 2);
      const want = Float64Array.from(dst);
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < C; c++) want[dstAt + r * dstRow + c] = src[srcAt + r * srcRow + c]!;
      }
      const ints = [rows, C, dstRow, srcRow, dstAt, srcAt];
      expectKernel(
        context,
        { kernel: 'copy_rows', outputs: [dst], inputs: [src], ints, items: rows },
        [want],
        {},
      );
    }
  });

  test('gathers rows by index, in any order and repeatedly', (context) => {
    for (const C of [0, 1, 9, 64]) {
      const src = noise(11 * C);
      const idx = Int32Array.from({ length: 50 }, (_, n) => (n * 7) % 11);
      const want = Float64Array.from(
        { length: 50 * C },
        (_, n) => src[idx[Math.floor(n / C)]! * C + (n % C)]!,
      );
      const outputs = [blank(50 * C)];
      expectKernel(
        context,
        { kernel: 'gather_rows', outputs, inputs: [src, idx], ints: [C], items: 50 },
        [want],
        {},
      );
    }
  });
});
