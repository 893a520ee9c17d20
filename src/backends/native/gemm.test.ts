import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  availableIsas,
  bf16Bits,
  blank,
  expectClose,
  expectKernel,
  needBinding,
  noise,
  runKernel,
  toBf16,
} from '../../../tests/support/native-kernels.ts';
import { call } from './binding.ts';

interface Product {
  transA?: boolean;
  transB?: boolean;
  M: number;
  N: number;
  K: number;
  bias?: boolean;
  accumulate?: boolean;
  batch?: number;
  sharedB?: boolean;
  /** Extra elements at the end of each row of A, B and C. */
  pad?: number;
  /** Operands that bf16 can represent. */
  rounded?: boolean;
}

/** The product in float64, one element at a time. */
function prepare({ transA = false, transB = false, M, N, K, ...rest }: Product) {
  const { bias = false, accumulate = false, batch = 1, sharedB = false, pad = 0, rounded = false } = rest;
  const lda = (transA ? M : K) + pad;
  const ldb = (transB ? K : N) + pad;
  const ldc = N + pad;
  const strideA = (transA ? K : M) * lda;
  const strideB = sharedB ? 0 : (transB ? N : K) * ldb;
  const strideC = M * ldc;
  const A = noise(batch * strideA, 3);
  const B = noise(sharedB ? (transB ? N : K) * ldb : batch * strideB, 5);
  const row = bias ? noise(N, 7) : null;
  const C = noise(batch * strideC, 11);
  if (rounded) for (const operand of [A, B]) operand.set(toBf16(operand));
  const want = Float64Array.from(C);
  for (let e = 0; e < batch; e++) {
    for (let i = 0; i < M; i++) {
      for (let j = 0; j < N; j++) {
        const at = e * strideC + i * ldc + j;
        let sum = accumulate ? C[at]! : (row?.[j] ?? 0);
        for (let k = 0; k < K; k++) {
          const a = A[e * strideA + (transA ? k * lda + i : i * lda + k)]!;
          sum += a * B[e * strideB + (transB ? j * ldb + k : k * ldb + j)]!;
        }
        want[at] = sum;
      }
    }
  }
  const flags = [transA, transB, M, N, K, lda, ldb, ldc, accumulate, batch, strideA, strideB, strideC];
  return { kernel: 'gemm', outputs: [C], inputs: [A, B, row], ints: flags.map(Number), want, K };
}

/** The product by `gemm_bf16`, with operands in memory as fp32 or as bf16. */
function inBf16(
  { inputs: [A, B, row], ints, ...product }: ReturnType<typeof prepare>,
  short: readonly Side[] = [],
) {
  const operands = [short.includes('A') ? bf16Bits(A!) : A!, short.includes('B') ? bf16Bits(B!) : B!, row!];
  const stored = [Number(short.includes('A')), Number(short.includes('B'))];
  return { ...product, kernel: 'gemm_bf16', inputs: operands, ints: [...ints, ...stored] };
}
type Side = 'A' | 'B';

/** Products past every path for small matrices, off every block size. */
const largeProducts: Product[] = [
  { M: 101, N: 161, K: 129, bias: true },
  { M: 97, N: 96, K: 1100, transA: true },
  { M: 130, N: 200, K: 301, transB: true, pad: 5 },
  { M: 99, N: 203, K: 1030, transA: true, transB: true, pad: 3, accumulate: true },
  { M: 300, N: 97, K: 97, bias: true, batch: 3 },
];

function toleranceOf(K: number) {
  return { absolute: 3e-7 * (4 + K), relative: 1e-6 };
}

describe('gemm', () => {
  const shapes: [number, number, number][] = [
    [1, 1, 1],
    [1, 33, 65],
    [2, 9, 1100],
    [13, 31, 17],
    [25, 64, 40],
    [37, 45, 19],
    [64, 3, 70],
    [130, 200, 300],
    [101, 161, 129],
  ];
  for (const [M, N, K] of shapes) {
    for (const transA of [false, true]) {
      for (const transB of [false, true]) {
        test(`${M} x ${N} x ${K}${transA ? ', A transposed' : ''}${transB ? ', B transposed' : ''}`, (context) => {
          const product = prepare({ transA, transB, M, N, K, bias: true });
          expectKernel(context, product, [product.want], toleranceOf(K));
        });
      }
    }
  }

  test('sums over more than one block of k and one slab of columns', (context) => {
    const product = prepare({ M: 70, N: 700, K: 3300, transB: true });
    expectKernel(context, product, [product.want], { absolute: 3e-4 });
  });

  test('copies panels of B whose rows are a multiple of a kilobyte apart', (context) => {
    for (const more of [{ bias: true }, { accumulate: true, transA: true }]) {
      const product = prepare({ M: 130, N: 251, K: 600, pad: 5, ...more });
      expectKernel(context, product, [product.want], toleranceOf(600));
    }
  });

  test('packs the columns of a long A strip by strip', (context) => {
    const product = prepare({ M: 601, N: 40, K: 1101, transA: true });
    expectKernel(context, product, [product.want], toleranceOf(1101));
  });

  test('adds to C when accumulating, and then leaves the bias out', (context) => {
    for (const [M, N, K] of [
      [5, 40, 20],
      [140, 150, 160],
    ] as const) {
      const product = prepare({ M, N, K, accumulate: true, bias: true });
      expectKernel(context, product, [product.want], toleranceOf(K));
    }
  });

  test('leaves what lies between padded rows as it was', (context) => {
    for (const transB of [false, true]) {
      const product = prepare({ M: 50, N: 37, K: 29, transB, pad: 5 });
      expectKernel(context, product, [product.want], toleranceOf(29));
    }
  });

  test('batches, with an operand of each entry or a shared one', (context) => {
    for (const sharedB of [false, true]) {
      for (const size of [7, 90]) {
        const product = prepare({ M: size, N: size + 2, K: size - 1, batch: 9, sharedB, bias: true });
        expectKernel(context, product, [product.want], toleranceOf(size));
      }
    }
  });

  test('empty products: K = 0 gives the bias, an empty C nothing', (context) => {
    for (const transB of [false, true]) {
      const product = prepare({ M: 3, N: 5, K: 0, bias: true, transB });
      expectKernel(context, product, [product.want], { absolute: 0 });
      expectKernel(context, prepare({ M: 3, N: 5, K: 0, transB }), [new Float32Array(15)], { absolute: 0 });
      expectKernel(context, prepare({ M: 0, N: 5, K: 3, transB }), [[]], {});
      expectKernel(context, prepare({ M: 4, N: 0, K: 3, transB }), [[]], {});
    }
  });

  test('a NaN in A reaches its row and no other', (context) => {
    const product = prepare({ M: 30, N: 100, K: 50 });
    product.inputs[0]![7 * 50 + 3] = Number.NaN;
    runKernel(context, { ...product, outputs: [blank(3000)] }, ([C]) => {
      const rows = Array.from(
        { length: 30 },
        (_, i) => C!.subarray(i * 100, (i + 1) * 100).filter(Number.isNaN).length,
      );
      expect(rows).toEqual(rows.map((_, i) => (i === 7 ? 100 : 0)));
    });
  });

  test('any shape', (context) => {
    needBinding(context);
    const size = fc.integer({ min: 0, max: 70 });
    const arbitrary = fc.record({
      M: size,
      N: size,
      K: size,
      transA: fc.boolean(),
      transB: fc.boolean(),
      bias: fc.boolean(),
      accumulate: fc.boolean(),
      batch: fc.integer({ min: 1, max: 3 }),
      pad: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(arbitrary, (shape) => {
        const product = prepare(shape);
        expectKernel(context, product, [product.want], toleranceOf(shape.K));
      }),
      { numRuns: 60, seed: 7 },
    );
  });

  test('a result too large for the caches, written past them, has the same bits', (context) => {
    const binding = needBinding(context);
    const [M, N, K] = [3603, 3504, 3]; // 50 MB, with an edge
    const inputs = [noise(M * K, 3), noise(N * K, 5), noise(N, 7)];
    const ints = [0, 1, M, N, K, K, K, N, 0, 1, 0, 0, 0];
    const memory = new Float32Array(binding.alloc(4 * (M * N + 16)));
    const before = binding.isa();
    for (const isa of availableIsas(binding)) {
      binding.setIsa(isa);
      const [aligned, shifted] = [memory.subarray(0, M * N), memory.subarray(1, M * N + 1)];
      memory.fill(Number.NaN);
      call('gemm', { tensors: [aligned, ...inputs], ints, items: 1 });
      expect(memory.subarray(M * N).every(Number.isNaN)).toBe(true);
      const first = Buffer.from(memory.slice().buffer, 0, 4 * M * N);
      call('gemm', { tensors: [shifted, ...inputs], ints, items: 1 });
      expect(first.equals(Buffer.from(memory.buffer, 4, 4 * M * N))).toBe(true);
      const [A, B, bias] = inputs;
      for (const [i, j] of [
        [0, 0],
        [1234, 777],
        [M - 1, N - 1],
      ] as const) {
        let want = bias![j]!;
        for (let k = 0; k < K; k++) want += A![i * K + k]! * B![j * K + k]!;
        expect(Math.abs(shifted[i * N + j]! - want)).toBeLessThan(1e-6);
      }
    }
    binding.setIsa(before);
  });

  test('the same product gives the same bits every time', (context) => {
    needBinding(context);
    const { outputs, inputs, ints } = prepare({ M: 257, N: 300, K: 310, transB: true });
    const results = [1, 2, 3].map(() => {
      const C = outputs[0]!.slice();
      call('gemm', { tensors: [C, ...inputs], ints, items: 1 });
      return Buffer.from(C.buffer).toString('base64');
    });
    expect(new Set(results).size).toBe(1);
  });
});

describe('gemm_bf16', () => {
  for (const large of largeProducts) {
    const { M, N, K } = large;
    test(`${JSON.stringify(large)}: numbers that bf16 has, exactly as gemm`, (context) => {
      const product = prepare({ ...large, rounded: true });
      expectKernel(context, inBf16(product), [product.want], toleranceOf(K));
    });

    test(`${M} x ${N} x ${K}: rounds to the nearest, where there is a unit for it`, (context) => {
      if (needBinding(context).bf16() === undefined) context.skip('no unit for bf16 on this CPU');
      const product = prepare(large);
      const [A, B, row] = product.inputs;
      const operands = [toBf16(A!), toBf16(B!), row!];
      runKernel(context, inBf16(product), ([C], isa) => {
        if (isa !== 'avx512') return;
        runKernel(context, { ...product, inputs: operands }, ([want], other) => {
          if (other === 'avx512') expectClose(C!, want!, 'C', toleranceOf(K));
        });
      });
    });
  }

  test('small products stay fp32', (context) => {
    const product = prepare({ M: 7, N: 33, K: 65 });
    expectKernel(context, inBf16(product), [product.want], toleranceOf(65));
  });

  const shapes: Product[] = [
    ...largeProducts,
    { M: 120, N: 100, K: 98, transA: true, bias: true },
    { M: 101, N: 98, K: 130, transB: true, pad: 2 },
    { M: 300, N: 40, K: 1101, transA: true },
    { M: 7, N: 33, K: 65, bias: true },
    { M: 5, N: 9, K: 31, transB: true, pad: 1 },
    { M: 13, N: 9, K: 31, transA: true, accumulate: true, batch: 2 },
    { M: 3, N: 5, K: 0, bias: true },
  ];
  for (const shape of shapes) {
    test(`${JSON.stringify(shape)}: operands in memory as bf16`, (context) => {
      const product = prepare({ ...shape, rounded: true });
      for (const short of [['A'], ['B'], ['A', 'B']] as const)
        expectKernel(context, inBf16(product, short), [product.want], toleranceOf(product.K));
    });
  }
});
