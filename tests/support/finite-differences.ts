/** Central differences in float64: derivatives that know nothing of the tape. */
import { expect } from 'vitest';
import { backward, noGrad, scope, type Tensor } from '../../src/index.ts';
import { gradientOf, norm } from './numbers.ts';

const EPS = 1e-5;

/** Two float64 evaluations apart by 2·EPS carry about this much rounding, for values near 1. */
export const DIFFERENCE_NOISE = 1e-9;

/** `∂ f / ∂ x` of every element of a leaf; `f` reads the leaf's current values. */
export function finiteDifferences(f: () => number, { data }: Tensor): Float64Array {
  const at = (i: number, value: number): number => {
    data[i] = value;
    return noGrad(() => scope(f));
  };
  return Float64Array.from(data, (value, i) => {
    const slope = (at(i, value + EPS) - at(i, value - EPS)) / (2 * EPS);
    data[i] = value;
    return slope;
  });
}

/**
 * The gradient of every leaf is that of central differences: relative error below 1e-6, by the norms of the leaf, up to
 * the rounding of the differences.
 */
export function expectGradients(
  loss: () => Tensor,
  leaves: Iterable<readonly [string, Tensor]>,
  what = '',
): void {
  const all = [...leaves];
  for (const [, leaf] of all) leaf.grad = undefined;
  scope(() => backward(loss()));
  for (const [name, leaf] of all) {
    const slopes = finiteDifferences(() => loss().item(), leaf);
    const gradient = gradientOf(leaf);
    const error = norm(slopes.map((slope, i) => slope - gradient[i]!));
    const noise = DIFFERENCE_NOISE * Math.sqrt(leaf.size);
    expect(error, `${what} gradient of ${name}`).toBeLessThanOrEqual(1e-6 * norm(slopes) + noise);
  }
}
