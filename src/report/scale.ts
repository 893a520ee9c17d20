/** Axes: from values to positions and back, and ticks at round numbers. */

/** An axis from `low` to `high`. */
export interface Scale {
  readonly kind: 'linear' | 'log';
  readonly low: number;
  readonly high: number;
  /** Round values within [low, high], ascending. */
  readonly ticks: readonly number[];
}

/** Above this ratio of largest to smallest value a logarithmic axis shows more. */
const LOG_RATIO = 50;

/** Below this ratio a logarithmic axis is so short that evenly spaced ticks read better. */
const SHORT_LOG_RATIO = 3;

const MOST_LOG_TICKS = 7;

/** Below this a value is drawn as zero: powers of ten lose their digits soon after. */
const SMALLEST = 1e-300;

/**
 * Position of a value on an axis: `(f(v) - f(low)) / (f(high) - f(low))`, f the identity or log.
 *
 * @param scale - the axis
 * @param value - positive on a logarithmic axis
 * @returns 0 at `low`, 1 at `high`
 */
export function positionOf(scale: Scale, value: number): number {
  const f = scale.kind === 'log' ? Math.log : (x: number) => x;
  return (f(value) - f(scale.low)) / (f(scale.high) - f(scale.low));
}

/** A round step of about `(high - low) / count`: 1, 2 or 5 times a power of ten. */
function niceStep(low: number, high: number, count: number): number {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const rest = rough / power;
  const factor = rest >= Math.sqrt(50) ? 10 : rest >= Math.sqrt(10) ? 5 : rest >= Math.sqrt(2) ? 2 : 1;
  return factor * power;
}

/** Multiples of a round step within [low, high]. */
export function linearTicks(low: number, high: number, count: number): number[] {
  const step = niceStep(low, high, count);
  return multiples(step, Math.ceil(low / step - 1e-9), Math.floor(high / step + 1e-9));
}

// Multiples of 0.1 carry the error of 0.1; twelve digits hide it and keep every value of interest.
function multiples(step: number, first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/**
 * A linear axis that holds all values and ends at ticks.
 *
 * @param values - finite, at least one
 * @param count - ticks to aim for
 */
export function linearScale(values: readonly number[], count = 4): Scale {
  const [min, max] = widened(...extent(values));
  const step = niceStep(min, max, count);
  const ticks = multiples(step, Math.floor(min / step + 1e-9), Math.ceil(max / step - 1e-9));
  return { kind: 'linear', low: ticks[0]!, high: ticks.at(-1)!, ticks };
}

/**
 * A logarithmic axis that holds all values and ends at 1, 2 or 5 times a power of ten.
 *
 * @param values - positive, at least one
 */
export function logScale(values: readonly number[]): Scale {
  const [min, max] = extent(values);
  if (max / min < SHORT_LOG_RATIO) return { ...linearScale(values), kind: 'log' };
  const steps: number[] = [];
  for (let power = Math.floor(Math.log10(min)); power <= Math.ceil(Math.log10(max)); power++) {
    for (const factor of [1, 2, 5]) steps.push(Number(`${factor}e${power}`));
  }
  const low = steps.findLast((step) => step <= min)!;
  const high = steps.find((step) => step >= max)!;
  return { kind: 'log', low, high, ticks: thinned(steps.filter((step) => step >= low && step <= high)) };
}

function thinned(ticks: readonly number[]): number[] {
  if (ticks.length <= MOST_LOG_TICKS) return [...ticks];
  const decades = ticks.filter((tick) => Number.isInteger(Number(Math.log10(tick).toFixed(9))));
  const every = Math.ceil(decades.length / MOST_LOG_TICKS);
  return decades.filter((_, i) => i % every === 0);
}

/** Whether a logarithmic axis can show some values, and whether it shows more than a linear one. */
export type LogUse = 'impossible' | 'possible' | 'useful';

/** What a logarithmic axis is for these values. */
export function logUse(values: readonly number[]): LogUse {
  const [min, max] = extent(values);
  if (min < SMALLEST) return 'impossible';
  return max / min > LOG_RATIO ? 'useful' : 'possible';
}

/** Smallest and largest value. */
export function extent(values: readonly number[]): [number, number] {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  return [min, max];
}

/** A range of no width, or of one that double precision hardly tells from none, cannot be an axis. */
function widened(min: number, max: number): [number, number] {
  const size = Math.max(Math.abs(min), Math.abs(max));
  if (size < SMALLEST) return [-1, 1];
  if (max - min > 1e-9 * size) return [min, max];
  return [min - size / 10, max + size / 10];
}
