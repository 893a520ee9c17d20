/** The matrix product alone, in the shapes that training needs. */
import type { Device } from '../core/device.ts';
import { Random } from '../core/random.ts';
import { scope } from '../core/scope.ts';
import { noGrad } from '../core/tape.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import { ConfigError } from '../errors.ts';
import { matmul } from '../ops/matmul/index.ts';
import { median } from './shapes.ts';

export interface GemmShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

/** Of M, N and K. */
const sizes = [
  [256, 256, 256],
  [512, 512, 512],
  [1024, 1024, 1024],
  [2048, 2048, 2048],
  [2048, 4096, 1024],
  [4096, 1024, 256],
  [4096, 2048, 512],
  [4096, 4096, 1024],
  [1024, 8000, 256],
] as const;

/** Every size with both operands as they are and with either of them transposed, and two that gradients of weights have. */
export const gemmShapes: readonly GemmShape[] = [
  ...sizes.flatMap(([m, n, k]) => [
    { m, n, k },
    { m, n, k, transposeA: true },
    { m, n, k, transposeB: true },
  ]),
  { m: 256, n: 1024, k: 1024, transposeA: true },
  { m: 8000, n: 256, k: 1024, transposeA: true },
];

/** `1024x8000x256`, with `At` or `Bt` after it for operands that are stored transposed. */
export function shapeName({ m, n, k, transposeA, transposeB }: GemmShape): string {
  return `${m}x${n}x${k}${transposeA ? 'At' : ''}${transposeB ? 'Bt' : ''}`;
}

/**
 * The shape of a name as `shapeName` gives it.
 *
 * @throws {ConfigError} when it is none
 */
export function parseShape(name: string): GemmShape {
  const parts = /^([1-9]\d*)x([1-9]\d*)x([1-9]\d*)(At)?(Bt)?$/.exec(name);
  if (!parts) {
    throw new ConfigError({
      where: '--shape',
      expected: 'MxNxK, with At or Bt for a transposed operand, as in 1024x8000x256Bt',
      got: JSON.stringify(name),
    });
  }
  const [m, n, k] = parts.slice(1, 4).map(Number) as [number, number, number];
  return { m, n, k, transposeA: parts[4] !== undefined, transposeB: parts[5] !== undefined };
}

function random(shape: readonly number[], device: Device): Tensor {
  const source = new Random(3, 'gemm');
  return tensor(
    Float32Array.from({ length: shape[0]! * shape[1]! }, () => source.uniform() - 0.5),
    shape,
    { device },
  );
}

/** GFLOP/s, best of `rounds` after as many that do not count: the figure that is compared with a ceiling. */
export function benchGemm(
  shape: GemmShape,
  device: Device,
  rounds: number,
): { readonly best: number; readonly median: number } {
  const { m, n, k, transposeA = false, transposeB = false } = shape;
  return scope(() => {
    const a = random(transposeA ? [k, m] : [m, k], device);
    const b = random(transposeB ? [n, k] : [k, n], device);
    const times = Array.from({ length: 2 * rounds }, () => {
      const start = performance.now();
      noGrad(() => scope(() => void matmul(a, b, { transposeA, transposeB })));
      return performance.now() - start;
    }).slice(rounds);
    const rate = (ms: number): number => (2 * m * n * k) / ms / 1e6;
    return { best: rate(Math.min(...times)), median: rate(median(times)) };
  });
}
