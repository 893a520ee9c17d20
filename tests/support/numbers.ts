/** Arrays of numbers: drawing, comparing, measuring. */
import { expect } from 'vitest';
import type { Tensor } from '../../src/index.ts';
import { Random, sizeOf, tensor } from '../../src/index.ts';

/** A leaf of standard normal values that requires a gradient. */
export function leaf(shape: readonly number[], seed: number, purpose: string, device = 'reference'): Tensor {
  const random = new Random(seed, purpose);
  const values = Float64Array.from({ length: sizeOf(shape) }, () => random.normal());
  return tensor(values, shape, { device, requiresGrad: true });
}

/** int32 ids under a shape. */
export function idTensor(rows: readonly (readonly number[])[], device = 'reference'): Tensor {
  return tensor(rows.flat(), [rows.length, rows[0]!.length], { dtype: 'int32', device });
}

/** Largest |a − b|; NaN when any is. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length, 'number of elements').toBe(b.length);
  return Array.from(a).reduce((most, value, i) => {
    const difference = value === b[i] ? 0 : Math.abs(value - b[i]!);
    return Number.isNaN(difference) || difference > most ? difference : most;
  }, 0);
}

/** Expects no difference above `tolerance · max(1, largest |expected|)`. */
export function expectNear(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what = 'difference',
): void {
  const size = Array.from(expected).reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  expect(largestDifference(actual, expected), what).toBeLessThanOrEqual(tolerance * size);
}

/** √Σ x². */
export function norm(values: ArrayLike<number>): number {
  return Math.hypot(...Array.from(values));
}

/** Σ a·b / (|a| |b|). */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const dot = Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);
  return dot / (norm(a) * norm(b));
}

/** The gradient that `backward` left, as float64; fails when there is none. */
export function gradientOf(leaf: Tensor): Float64Array {
  expect(leaf.grad, 'gradient').toBeDefined();
  return Float64Array.from(leaf.grad!.data);
}

/** Row `index` of a row-major matrix of that width. */
export function rowOf(values: ArrayLike<number>, index: number, width: number): number[] {
  return Array.from({ length: width }, (_, c) => values[index * width + c]!);
}
