/** One running text: its parts, and the windows through which a language model reads it. */
import { Random } from '../core/random.ts';
import { ConfigError } from '../errors.ts';
import { readLines } from './lines.ts';

/**
 * A whole file as one text; every line ends with `\n`.
 *
 * @throws {DataError} as `readLines`
 */
export function readText(path: string): string {
  return `${readLines(path).join('\n')}\n`;
}

/** The parts of a text; those that are not wanted are empty. */
export interface TextParts {
  readonly train: string;
  readonly validation: string;
  readonly test: string;
}

/**
 * Cuts a text into its beginning to train on, what follows to validate, and its end to test; never inside a character.
 *
 * @param shares - of validation and test, 0 … 1
 * @throws {ConfigError} when the shares leave nothing to train on
 * @example
 * splitText('abcdefghij', { validation: 0.2, test: 0.1 }); // train abcdefg, validation hi, test j
 */
export function splitText(
  text: string,
  { validation, test }: { readonly validation: number; readonly test: number },
): TextParts {
  if (!(validation >= 0 && test >= 0 && validation + test < 1)) {
    const expected = 'shares of at least 0 that sum to less than 1';
    throw new ConfigError({ where: 'splitText', expected, got: `validation ${validation}, test ${test}` });
  }
  const cut = (share: number): number => {
    const at = Math.floor(text.length * share + 1e-9);
    return isLowSurrogate(text.charCodeAt(at)) ? at + 1 : at;
  };
  const [first, second] = [cut(1 - validation - test), cut(1 - test)];
  return { train: text.slice(0, first), validation: text.slice(first, second), test: text.slice(second) };
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}

/** Windows of one length that are read side by side. */
export interface WindowBatch {
  /** Place of each window's first token. */
  readonly starts: readonly number[];
  /** Tokens of each. */
  readonly length: number;
  /** The first place of a window whose label counts: those before it are there to be seen only. */
  readonly countFrom: number;
  /** What was remembered of earlier windows is forgotten. */
  readonly fresh: boolean;
}

/** Sizes of windows and batches. */
export interface WindowSizes {
  /** Tokens of a window. */
  readonly length: number;
  /** Windows of a batch. */
  readonly batchSize: number;
}

/** Lists of at most `size`. */
function chunks<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) =>
    list.slice(i * size, (i + 1) * size),
  );
}

/** Where the windows of this epoch begin to be counted, so that their bounds differ from epoch to epoch. */
function epochStart(tokens: number, length: number, seed: number, epoch: number): number {
  const spare = tokens - 1 - length;
  return new Random(seed, `windows/epoch-${epoch}`).integer(Math.max(1, Math.min(length, spare + 1)));
}

/**
 * Separate segments in shuffled order, for models that remember nothing.
 *
 * @param tokens - of the text; each segment needs one token beyond its end, for its last label
 * @returns batches that depend on nothing but the arguments
 */
export function shuffledSegments(
  tokens: number,
  { length, batchSize }: WindowSizes,
  { seed, epoch }: { readonly seed: number; readonly epoch: number },
): WindowBatch[] {
  const first = epochStart(tokens, length, seed, epoch);
  const count = Math.max(0, Math.floor((tokens - 1 - first) / length));
  const starts = Array.from({ length: count }, (_, i) => first + i * length);
  new Random(seed, `segments/epoch-${epoch}`).shuffle(starts);
  return chunks(starts, batchSize).map((some) => ({ starts: some, length, countFrom: 0, fresh: true }));
}

/**
 * Segments in their order, from `batchSize` places of the text side by side, for models that remember.
 *
 * @returns batches; window b of each goes on where window b of the batch before ended
 */
export function orderedSegments(
  tokens: number,
  { length, batchSize }: WindowSizes,
  { seed, epoch }: { readonly seed: number; readonly epoch: number },
): WindowBatch[] {
  const first = epochStart(tokens, length, seed, epoch);
  const rows = Math.max(1, Math.min(batchSize, Math.floor((tokens - 1 - first) / length)));
  const stream = Math.floor((tokens - 1 - first) / rows);
  return Array.from({ length: Math.floor(stream / length) }, (_, k) => ({
    starts: Array.from({ length: rows }, (_unused, row) => first + row * stream + k * length),
    length,
    countFrom: 0,
    fresh: k === 0,
  }));
}

/**
 * Windows that move `stride` places at a time and count every label of the text once: side by side with a stride of
 * their length; with less, each counts only its last places, which see at least `length − stride` tokens before them,
 * at `length / stride` times the cost.
 *
 * Papers: Al-Rfou et al. 2018, §3 (a stride of 1), https://arxiv.org/abs/1808.04444; Dai et al. 2019, figure 1b
 *
 * @throws {ConfigError} when the stride is not from 1 to the length
 */
export function slidingWindows(
  tokens: number,
  { length, batchSize }: WindowSizes,
  stride: number = length,
): WindowBatch[] {
  if (!(Number.isSafeInteger(stride) && stride >= 1 && stride <= length)) {
    const expected = `a whole number from 1 to the length of a window (${length})`;
    throw new ConfigError({ where: 'stride', expected, got: String(stride) });
  }
  const labels = tokens - 1;
  if (labels < 1) return [];
  const count = 1 + Math.max(0, Math.ceil((labels - length) / stride));
  const starts = Array.from({ length: count }, (_, k) => k * stride);
  const whole = (some: readonly number[], countFrom: number): WindowBatch[] =>
    chunks(some, batchSize).map((batch) => ({ starts: batch, length, countFrom, fresh: true }));
  const last = starts.at(-1)!;
  const rest = labels - last;
  const isShort = rest < length;
  const full = isShort ? starts.slice(0, -1) : starts;
  const end = { starts: [last], length: rest, countFrom: count === 1 ? 0 : length - stride, fresh: true };
  const windows =
    stride === length
      ? whole(full, 0)
      : [...whole(full.slice(0, 1), 0), ...whole(full.slice(1), length - stride)];
  return isShort ? [...windows, end] : windows;
}

/** The windows of a text that a model with memory reads in order, until every label has been counted once. */
export function orderedWindows(tokens: number, { length, batchSize }: WindowSizes): WindowBatch[] {
  const labels = tokens - 1;
  if (labels < 1) return [];
  const rows = Math.max(1, Math.min(batchSize, Math.floor(labels / length)));
  const stream = Math.floor(labels / rows);
  const along = (from: number, count: number, end: number): WindowBatch[] =>
    Array.from({ length: Math.ceil((end - from) / length) }, (_, k) => {
      const at = from + k * length;
      const starts = Array.from({ length: count }, (_unused, row) => row * stream + at);
      return { starts, length: Math.min(length, end - at), countFrom: 0, fresh: k === 0 };
    });
  return [...along(0, rows, stream), ...along(rows * stream, 1, labels)];
}

/** Inputs and labels of a batch of windows, `[B, T]` each, row after row. */
export function cutWindows(
  ids: Int32Array,
  { starts, length }: WindowBatch,
): { readonly inputs: Int32Array; readonly labels: Int32Array } {
  const cut = (shift: number): Int32Array => {
    const rows = new Int32Array(starts.length * length);
    starts.forEach((start, i) => {
      rows.set(ids.subarray(start + shift, start + shift + length), i * length);
    });
    return rows;
  };
  return { inputs: cut(0), labels: cut(1) };
}
