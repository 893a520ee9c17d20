/** Matrix products, batched, with either side transposed. */
import { defineOp } from '../../core/op.ts';
import { currentPrecision } from '../../core/precision.ts';
import { broadcastShapes, formatShape, type Shape, sameShape, sizeOf } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { sumTo } from '../reduce/sum.ts';
import { reshape } from '../shape/reshape.ts';
import { multiply } from './loops.ts';

export interface MatmulParams {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

interface Sizes {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch: Shape;
}

function sizesOf(a: Shape, b: Shape, { transposeA, transposeB }: MatmulParams): Sizes {
  const fail = (why: string): never => {
    throw new ShapeError({
      where: 'matmul',
      expected: `a [..., M, K]${transposeA ? ' transposed' : ''} and b [..., K, N]${transposeB ? ' transposed' : ''}`,
      got: `a ${formatShape(a)} and b ${formatShape(b)}: ${why}`,
      hint: 'the inner sizes must be equal; transposeA and transposeB swap the last two axes of a side',
    });
  };
  if (a.length < 2 || b.length < 2) return fail('both need at least two axes');
  const [aRows, aColumns, bRows, bColumns] = [a.at(-2)!, a.at(-1)!, b.at(-2)!, b.at(-1)!];
  const [m, k] = transposeA ? [aColumns, aRows] : [aRows, aColumns];
  const [inner, n] = transposeB ? [bColumns, bRows] : [bRows, bColumns];
  if (k !== inner) return fail(`inner sizes ${k} and ${inner}`);
  const [batchA, batchB] = [a.slice(0, -2), b.slice(0, -2)];
  const batch = broadcastShapes('matmul', batchA, batchB);
  for (const own of [batchA, batchB]) {
    if (sizeOf(own) !== 1 && !sameShape(own, batch)) fail('batch axes must be equal, or 1 on one side');
  }
  return { m, n, k, batch };
}

/** The kernel of a product in the precision that is set, and whether its operands are stored as bf16. */
export function gemmKernel(
  a: Tensor,
  b: Tensor,
): { readonly name: string; readonly stored: readonly number[] } {
  const stored = [a, b].map(({ dtype }) => Number(dtype === 'bfloat16'));
  const name = stored.includes(1) || currentPrecision() === 'bf16' ? 'gemm_bf16' : 'gemm';
  return { name, stored };
}

const op = defineOp<readonly [a: Tensor, b: Tensor], MatmulParams>({
  name: 'matmul',
  samples: [
    {
      inputs: [
        [3, 5],
        [5, 7],
      ],
      params: { transposeA: false, transposeB: false },
    },
    {
      inputs: [
        [5, 3],
        [5, 7],
      ],
      params: { transposeA: true, transposeB: false },
    },
    {
      inputs: [
        [3, 5],
        [7, 5],
      ],
      params: { transposeA: false, transposeB: true },
    },
    {
      inputs: [
        [5, 3],
        [7, 5],
      ],
      params: { transposeA: true, transposeB: true },
    },
    {
      inputs: [
        [2, 3, 4],
        [2, 4, 5],
      ],
      params: { transposeA: false, transposeB: false },
    },
    {
      inputs: [
        [2, 3, 3, 4],
        [2, 3, 5, 4],
      ],
      params: { transposeA: false, transposeB: true },
    },
    {
      inputs: [
        [2, 4, 3],
        [4, 5],
      ],
      params: { transposeA: true, transposeB: false },
      note: 'b shared',
    },
    {
      inputs: [
        [3, 0],
        [0, 4],
      ],
      params: { transposeA: false, transposeB: false },
      note: 'an empty sum',
    },
    {
      inputs: [
        [0, 3],
        [3, 4],
      ],
      params: { transposeA: false, transposeB: false },
    },
    {
      inputs: [
        [1, 1],
        [1, 1],
      ],
      params: { transposeA: false, transposeB: false },
    },
    {
      inputs: [
        [1, 37],
        [35, 37],
      ],
      params: { transposeA: false, transposeB: true },
      note: 'one row',
    },
    {
      inputs: [
        [33, 17],
        [17, 65],
      ],
      params: { transposeA: false, transposeB: false },
    },
  ],
  shape: ([a, b], params) => {
    const { m, n, batch } = sizesOf(a, b, params);
    return [...batch, m, n];
  },
  forgetsOutput: true,
  flops: ([a, b], params) => {
    const { m, n, k, batch } = sizesOf(a, b, params);
    return 2 * sizeOf(batch) * m * n * k;
  },
  compute: ({ inputs: [a, b], output, params }) => {
    const { m, n, k, batch } = sizesOf(a.shape, b.shape, params);
    const [stepA, stepB] = [a.size > m * k ? m * k : 0, b.size > k * n ? k * n : 0];
    for (let i = 0; i < sizeOf(batch); i++) {
      multiply(
        a.data.subarray(i * stepA, i * stepA + m * k),
        b.data.subarray(i * stepB, i * stepB + k * n),
        output.data.subarray(i * m * n, (i + 1) * m * n),
        { m, n, k, ...params },
      );
    }
  },
  backward: ({ inputs: [a, b], grad, needs, params: { transposeA, transposeB } }) => {
    const toA = (): Tensor =>
      transposeA
        ? op(b, grad, { transposeA: transposeB, transposeB: true })
        : op(grad, b, { transposeA: false, transposeB: !transposeB });
    const toB = (): Tensor =>
      transposeB
        ? op(grad, a, { transposeA: true, transposeB: transposeA })
        : op(a, grad, { transposeA: !transposeA, transposeB: false });
    return [needs[0] ? sumTo(toA(), a.shape) : null, needs[1] ? sumTo(toB(), b.shape) : null];
  },
  kernel: {
    names: ['gemm'],
    bf16Name: 'gemm_bf16',
    forward: ({ inputs: [a, b], output, params }) => {
      const { m, n, k, batch } = sizesOf(a.shape, b.shape, params);
      const [stepA, stepB] = [a.size > m * k ? m * k : 0, b.size > k * n ? k * n : 0];
      const { name, stored } = gemmKernel(a, b);
      return {
        name,
        tensors: [output.data, a.data, b.data, null],
        ints: [
          Number(params.transposeA),
          Number(params.transposeB),
          m,
          n,
          k,
          a.shape.at(-1)!,
          b.shape.at(-1)!,
          n,
          0,
          sizeOf(batch),
          stepA,
          stepB,
          m * n,
          ...stored,
        ],
        floats: [],
        items: 1,
      };
    },
  },
});

/**
 * `a · b` over the last two axes, batched over the others.
 *
 * @param a - `[..., M, K]`, or `[..., K, M]` with `transposeA`
 * @param b - `[..., K, N]`, or `[..., N, K]` with `transposeB`; batch axes equal to those of `a`, or none
 * @returns `[..., M, N]`
 * @throws {ShapeError} when the inner sizes or the batch axes differ
 * @example
 * matmul(query, key, { transposeB: true }); // [B, T, D] · [B, S, D]ᵀ = [B, T, S]
 */
export function matmul(a: Tensor, b: Tensor, options: Partial<MatmulParams> = {}): Tensor {
  const params = { transposeA: options.transposeA ?? false, transposeB: options.transposeB ?? false };
  if (b.shape.length === 2 && a.shape.length > 2 && !params.transposeA) {
    const rows = reshape(a, [-1, a.shape.at(-1)!]);
    const product = op(rows, b, params);
    return reshape(product, [...a.shape.slice(0, -1), product.shape[1]!]);
  }
  return op(a, b, params);
}
