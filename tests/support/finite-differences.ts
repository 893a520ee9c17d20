/** Central differences in float64: derivatives that know nothing of the tape. */
import type { Tensor } from '../../src/index.ts';
import { noGrad, scope } from '../../src/index.ts';

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
