/** Whether counts could have been drawn from given probabilities. */
import { expect } from 'vitest';

/** The value that χ² of that many degrees of freedom exceeds once in 100 000 times (Wilson and Hilferty 1931). */
function largestChiSquare(freedom: number): number {
  const spread = 2 / (9 * freedom);
  return freedom * (1 - spread + 4.265 * Math.sqrt(spread)) ** 3;
}

/**
 * Pearson's test: Σ (count − n p)² / (n p) is not too large. Outcomes that are expected fewer than five times are
 * put together; one of probability 0 must never come.
 */
export function expectDrawnFrom<K>(
  counts: ReadonlyMap<K, number>,
  probabilities: ReadonlyMap<K, number>,
  what = 'counts',
): void {
  const draws = [...counts.values()].reduce((a, b) => a + b, 0);
  for (const outcome of counts.keys())
    expect(probabilities.get(outcome) ?? 0, `${what}: ${outcome} can come`).toBeGreaterThan(0);
  const cells: [count: number, expected: number][] = [];
  const rare: [number, number] = [0, 0];
  for (const [outcome, p] of probabilities) {
    const [count, expected] = [counts.get(outcome) ?? 0, draws * p];
    if (expected >= 5) cells.push([count, expected]);
    else {
      rare[0] += count;
      rare[1] += expected;
    }
  }
  if (rare[1] > 0) cells.push(rare);
  const chiSquare = cells.reduce((sum, [count, expected]) => sum + (count - expected) ** 2 / expected, 0);
  expect(cells.length, `${what}: outcomes`).toBeGreaterThan(1);
  expect(chiSquare, `${what}: χ² of ${cells.length - 1} degrees`).toBeLessThan(
    largestChiSquare(cells.length - 1),
  );
}

/** How often each outcome came. */
export function countsOf<K>(outcomes: Iterable<K>): Map<K, number> {
  const counts = new Map<K, number>();
  for (const outcome of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return counts;
}
