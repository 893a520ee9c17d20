/** How numbers, durations and dates are written for a reader. */

/**
 * A measured number, to four significant digits.
 *
 * @example formatNumber(12345.6) // '12,346'
 * @example formatNumber(0.00012345) // '1.234e-4'
 */
export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size < 1e-3 || size >= 1e9) return trimExponent(value.toExponential(3));
  if (size >= 1000) return groupDigits(Math.round(value));
  return String(Number(value.toPrecision(4)));
}

/**
 * A whole number with its digits in groups of three.
 *
 * @example groupDigits(1234567) // '1,234,567'
 */
export function groupDigits(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

/**
 * A large count in few characters.
 *
 * @example formatCount(13_245_678) // '13.2 M'
 */
export function formatCount(value: number): string {
  for (const [unit, size] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e4],
  ] as const) {
    if (value >= size) return `${Number((value / (unit === 'k' ? 1e3 : size)).toPrecision(3))} ${unit}`;
  }
  return groupDigits(value);
}

/** The label of a tick: short, and the same form along the whole axis. */
export function formatTick(value: number, largest: number): string {
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (largest >= 1e6) return `${Number((value / 1e6).toPrecision(6))}M`;
  if (largest >= 1e4) return `${Number((value / 1e3).toPrecision(6))}k`;
  if (size < 1e-2) return trimExponent(value.toExponential());
  return String(Number(value.toPrecision(6)));
}

function trimExponent(text: string): string {
  return text.replace(/\.?0*e\+?/, 'e');
}

/**
 * A duration in its two largest units.
 *
 * @example formatDuration(3723) // '1 h 2 min'
 */
export function formatDuration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${formatNumber(seconds)} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** An ISO 8601 date to the minute, in UTC; any other text as it stands. */
export function formatDate(text: string): string {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return text;
  return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
