/** Comparison of arrays of numbers, with the place and the size of the worst difference. */
import { expect } from 'vitest';

export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

/** Largest |a − b| / (atol + rtol |b|), and where it is; NaN and infinities must agree exactly. */
export function worst(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  { rtol, atol }: Tolerance,
): { ratio: number; at: number } {
  let ratio = 0;
  let at = -1;
  for (let i = 0; i < b.length; i++) {
    const same = Object.is(a[i], b[i]) || a[i] === b[i] || (Number.isNaN(a[i]) && Number.isNaN(b[i]));
    const now = same ? 0 : Math.abs(a[i]! - b[i]!) / (atol + rtol * Math.abs(b[i]!));
    if (!(now <= ratio)) {
      ratio = Number.isNaN(now) ? Number.POSITIVE_INFINITY : now;
      at = i;
    }
  }
  return { ratio, at };
}

/** Expects `actual` to be near `expected`, element by element. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: Tolerance,
  what = 'values',
): void {
  expect(actual.length, `${what}: number of elements`).toBe(expected.length);
  const { ratio, at } = worst(actual, expected, tolerance);
  expect(
    ratio,
    `${what}: element ${at} is ${actual[at]}, expected ${expected[at]} (rtol ${tolerance.rtol}, atol ${tolerance.atol})`,
  ).toBeLessThanOrEqual(1);
}
