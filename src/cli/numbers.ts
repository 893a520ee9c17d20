/** Numbers of options, checked. */
import { ConfigError } from '../errors.ts';

/** Most hypotheses of a beam: each costs as much as a text of its own. */
export const maxBeamSize = 1000;

/**
 * @throws {ConfigError} when the text is not a whole number from `least` to `most`
 */
export function wholeNumber(
  text: string,
  option: string,
  least = 1,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  const value = Number(text);
  if (!/^-?\d+$/.test(text.trim()) || value < least || value > most) {
    const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
    throw new ConfigError({
      where: option,
      expected: `a whole number ${range}`,
      got: JSON.stringify(text),
    });
  }
  return value;
}

/**
 * @throws {ConfigError} when the text is not a number of at least `least`
 */
export function realNumber(text: string, option: string, least = 0): number {
  return numberFrom(text, option, { least });
}

/** Where a number may lie; anywhere when nothing is said. */
export interface NumberRange {
  readonly least?: number;
  readonly above?: number;
  readonly most?: number;
}

/**
 * @throws {ConfigError} when the text is not a number of the range
 */
export function numberFrom(text: string, option: string, { least, above, most }: NumberRange): number {
  const value = Number(text);
  const isInside =
    (least === undefined || value >= least) &&
    (above === undefined || value > above) &&
    (most === undefined || value <= most);
  if (text.trim() !== '' && Number.isFinite(value) && isInside) return value;
  const bounds = [
    ...(least === undefined ? [] : [`of at least ${least}`]),
    ...(above === undefined ? [] : [`above ${above}`]),
    ...(most === undefined ? [] : [`at most ${most}`]),
  ];
  throw new ConfigError({
    where: option,
    expected: ['a number', bounds.join(' and ')].filter(Boolean).join(' '),
    got: JSON.stringify(text),
  });
}

/** `4:07`, or `1:02:03` above an hour. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const two = (n: number): string => String(n).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Metrics as a line: `PER 8.4 % · WER 33.1 %`. */
export function metricLine(metrics: Readonly<Record<string, number>>): string {
  return Object.entries(metrics)
    .map(([name, value]) => `${metricLabel(name)} ${formatMetric(name, value)}`)
    .join(' · ');
}

const rates = new Set(['per', 'wer', 'cer', 'ser', 'exact-match']);

export function metricLabel(name: string): string {
  return name.length <= 4 && name !== 'loss' && name !== 'chrf' ? name.toUpperCase() : name;
}

/** `38.8 %` or `27.31`. */
export function formatMetric(name: string, value: number): string {
  if (rates.has(name)) return `${value.toFixed(1)} %`;
  return name === 'loss' ? value.toFixed(3) : value.toFixed(2);
}

/** `12.3 MiB`, or KiB below one of them. */
export function byteSize(bytes: number): string {
  return bytes < 2 ** 20 ? `${(bytes / 2 ** 10).toFixed(1)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
