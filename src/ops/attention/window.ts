/**
 * Which keys a query may see by their distance alone: the causal rule and local windows.
 *
 * Papers: Child et al., Generating Long Sequences with Sparse Transformers, 2019, https://arxiv.org/abs/1904.10509;
 * Beltagy et al., Longformer, 2020, https://arxiv.org/abs/2004.05150; Povey et al., A Time-Restricted Self-Attention
 * Layer for ASR, 2018 (truncated self-attention in speech).
 */
import { ConfigError } from '../../errors.ts';

/** Query t sees the keys from `left` places before its own to `right` places after it; Infinity sets no bound. */
export type Window = readonly [left: number, right: number];

/** The keys that each query sees: those of the window and, under the causal rule, none after its own place. */
export interface Band {
  readonly causal: boolean;
  /** The place of query 0 among the keys. */
  readonly causalOffset: number;
  readonly window: Window | null;
}

/** How far a query sees to both sides. */
export function reachOf({ causal, window }: Omit<Band, 'causalOffset'>): Window {
  const [left, right] = window ?? [Infinity, Infinity];
  return [left, causal ? Math.min(right, 0) : right];
}

/** The first key that query t sees of so many, and the end; `[0, 0]` where it sees none. */
export function keysSeen(band: Band, t: number, keys: number): [first: number, end: number] {
  const [left, right] = reachOf(band);
  const place = t + band.causalOffset;
  const [first, end] = [Math.max(0, place - left), Math.min(keys, place + right + 1)];
  return end > first ? [first, end] : [0, 0];
}

/** Pairs of a query and a key that it sees; the numbers of both may be means over sequences. */
export function countPairs(band: Band, queries: number, keys: number): number {
  if (!band.causal && !band.window) return queries * keys;
  const rows = Math.ceil(queries);
  let pairs = 0;
  for (let t = 0; t < rows; t++) {
    const [first, end] = keysSeen(band, t, keys);
    pairs += end - first;
  }
  return rows === 0 ? 0 : (pairs / rows) * queries;
}

/** Most keys that a query sees of so many. */
export function mostSeen(band: Omit<Band, 'causalOffset'>, keys: number): number {
  const [left, right] = reachOf(band);
  return Math.max(0, Math.min(keys, left + right + 1));
}

/** Farther than any key is: what the kernels take for Infinity. */
const FAR = 2 ** 31;

/** The window as the kernels read it. */
export function windowInts(window: Window | null): [left: number, right: number] {
  const [left, right] = window ?? [FAR, FAR];
  return [Math.min(left, FAR), Math.min(right, FAR)];
}

/**
 * @throws {ConfigError} when a bound is not a whole number or Infinity, or the bounds leave no key to any query
 */
export function checkWindow(where: string, window: Window | null | undefined): void {
  if (!window) return;
  const [left, right] = window;
  const usable = (bound: number): boolean => Number.isInteger(bound) || bound === Infinity;
  if (window.length === 2 && usable(left) && usable(right) && left + right >= 0) return;
  throw new ConfigError({
    where,
    expected: 'a window [left, right] of whole numbers (or Infinity) with left + right of at least 0',
    got: `[${window.join(', ')}]`,
    hint: '[2, 2] sees two keys to each side, [2, 0] the last two and its own',
  });
}
