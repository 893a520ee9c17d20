/** Fewer points for the eye, without losing a single peak. */

/** One point of a curve; `value` is `null` where the curve has a gap. */
export interface Point {
  readonly step: number;
  readonly value: number | null;
}

/** A point that is drawn. */
export interface DrawnPoint {
  readonly step: number;
  readonly value: number;
  /** Whether the curve has a gap before this point. */
  readonly afterGap: boolean;
}

/** Points drawn at most: two per column, so one column per two units of a plot 600 wide. */
export const MOST_POINTS = 600;

/**
 * The points of a curve to draw: all of them, or the lowest and the highest of each of 300 equal
 * columns, so that what is drawn reaches as far up and down as the curve does.
 *
 * @param points - ordered by step
 * @returns at most `MOST_POINTS` of the points, ordered by step
 */
export function downsample(points: readonly Point[]): DrawnPoint[] {
  const known: (DrawnPoint & { readonly segment: number })[] = [];
  let segment = 0;
  for (const { step, value } of points) {
    if (value === null) segment++;
    else known.push({ step, value, segment, afterGap: false });
  }
  const kept = known.length <= MOST_POINTS ? known : extremes(known);
  return kept.map(({ step, value, segment }, i) => ({
    step,
    value,
    afterGap: i > 0 && segment !== kept[i - 1]!.segment,
  }));
}

function extremes<T extends { readonly step: number; readonly value: number }>(points: readonly T[]): T[] {
  const columns = MOST_POINTS / 2;
  const start = points[0]!.step;
  const width = (points.at(-1)!.step - start) / columns || 1;
  const lowest = new Map<number, number>();
  const highest = new Map<number, number>();
  for (const [i, { step, value }] of points.entries()) {
    const column = Math.min(columns - 1, Math.floor((step - start) / width));
    if (!lowest.has(column) || value < points[lowest.get(column)!]!.value) lowest.set(column, i);
    if (!highest.has(column) || value > points[highest.get(column)!]!.value) highest.set(column, i);
  }
  const kept = new Set([...lowest.values(), ...highest.values()]);
  return points.filter((_, i) => kept.has(i));
}
