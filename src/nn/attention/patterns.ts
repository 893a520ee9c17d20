/**
 * Which tokens see which: neighbours, a few that see and are seen by all, and some at random.
 *
 * Papers: Child et al. 2019, https://arxiv.org/abs/1904.10509 (sparse patterns); Beltagy et al. 2020,
 * https://arxiv.org/abs/2004.05150 (windows and global tokens); Zaheer et al., Big Bird, 2020,
 * https://arxiv.org/abs/2007.14062 (all three together, in blocks)
 */
import { Random } from '../../core/random.ts';
import { ConfigError } from '../../errors.ts';
import { type KeyRange, type PatternRun, SparsePattern } from '../../ops/sparse-attention/pattern.ts';

/** What a token sees besides its own block, counted in blocks. */
export interface PatternOptions {
  /** Tokens of a block; with 1 (the default) the other numbers count tokens. */
  readonly blockSize?: number;
  /** Blocks to each side. */
  readonly window?: number;
  /** The first blocks of the sequence, which see all and are seen by all. */
  readonly globals?: number;
  /** Blocks drawn for each block from those that it would not see otherwise. */
  readonly random?: number;
  /** No block sees a later one; inside of a block the attention op's causal rule hides the future. */
  readonly causal?: boolean;
  /** Of the draw. The same seed gives the same blocks; under the causal rule also in a longer sequence. */
  readonly seed?: number;
}

type Complete = Required<PatternOptions>;

function complete(options: PatternOptions): Complete {
  const all = { blockSize: 1, window: 0, globals: 0, random: 0, causal: false, seed: 0, ...options };
  for (const name of ['blockSize', 'window', 'globals', 'random'] as const) {
    const least = name === 'blockSize' ? 1 : 0;
    if (Number.isSafeInteger(all[name]) && all[name] >= least) continue;
    throw new ConfigError({
      where: 'sparsePattern',
      expected: `${name} to be a whole number of at least ${least}`,
      got: String(all[name]),
    });
  }
  return all;
}

/** Ranges in order, those that touch or overlap joined. */
function union(ranges: readonly KeyRange[]): KeyRange[] {
  const joined: [number, number][] = [];
  for (const [first, end] of ranges.filter((range) => range[1] > range[0]).sort((a, b) => a[0] - b[0])) {
    const last = joined.at(-1);
    if (last && first <= last[1]) last[1] = Math.max(last[1], end);
    else joined.push([first, end]);
  }
  return joined;
}

/** Words of the random stream that belong to one block: more than it can draw. */
const WORDS = 2 ** 12;

/** Distinct blocks out of `[0, count)` that lie outside `taken` (Floyd's algorithm). */
function draw(
  block: number,
  count: number,
  taken: readonly KeyRange[],
  { random, seed }: Complete,
): KeyRange[] {
  const free = taken.reduce((left, [first, end]) => left - (end - first), count);
  const stream = new Random(seed, 'random attention', block * WORDS);
  const ranks = new Set<number>();
  for (let last = Math.max(0, free - random); last < free; last++) {
    const rank = stream.integer(last + 1);
    ranks.add(ranks.has(rank) ? last : rank);
  }
  return [...ranks].map((rank) => {
    const place = taken.reduce((at, [first, end]) => (at >= first ? at + end - first : at), rank);
    return [place, place + 1];
  });
}

/** The blocks that one block sees of so many. */
function seenBlocks(block: number, blocks: number, options: Complete): KeyRange[] {
  const { window, globals, random, causal } = options;
  const count = causal ? block + 1 : blocks;
  if (block < globals) return [[0, count]];
  const near: KeyRange = [Math.max(0, block - window), Math.min(count, block + window + 1)];
  const fixed = union([[0, Math.min(globals, count)], near]);
  return random === 0 ? fixed : union([...fixed, ...draw(block, count, fixed, options)]);
}

/** The runs of a sequence from token `from` on; its keys stand from `start` on. */
function runsOf(start: number, length: number, from: number, options: Complete): PatternRun[] {
  const { blockSize } = options;
  const blocks = Math.ceil(length / blockSize);
  const runs: PatternRun[] = [];
  for (let block = Math.floor(from / blockSize); block < blocks; block++) {
    const first = Math.max(from, block * blockSize);
    runs.push({
      queries: Math.min(length, (block + 1) * blockSize) - first,
      ranges: seenBlocks(block, blocks, options).map(([low, high]) => [
        start + low * blockSize,
        start + Math.min(length, high * blockSize),
      ]),
    });
  }
  return runs;
}

/**
 * The pattern of self-attention in sequences that stand one after the other.
 *
 * @param lengths - tokens of each
 * @throws {ConfigError} when a number is not a whole one
 * @example
 * sparsePattern([4096], { blockSize: 64, window: 1, globals: 2, random: 3 }); // BigBird
 */
export function sparsePattern(lengths: ArrayLike<number>, options: PatternOptions): SparsePattern {
  const all = complete(options);
  let start = 0;
  const runs = Array.from(lengths).flatMap((length) => {
    const own = runsOf(start, length, 0, all);
    start += length;
    return own;
  });
  return new SparsePattern(runs, start);
}

/**
 * As `sparsePattern`, for sequences of which each has `room` places: padding at the end sees nothing and is not seen.
 *
 * @throws {ConfigError} when a number is not a whole one
 */
export function paddedPattern(
  lengths: ArrayLike<number>,
  room: number,
  options: PatternOptions,
): SparsePattern {
  const all = complete(options);
  const runs = Array.from(lengths).flatMap((length, i) => [
    ...runsOf(i * room, length, 0, all),
    ...(length < room ? [{ queries: room - length, ranges: [] }] : []),
  ]);
  return new SparsePattern(runs, lengths.length * room);
}

/**
 * The last rows of the causal pattern of a sequence: what `added` new tokens see of the `before` others and themselves.
 *
 * @throws {ConfigError} when a number is not a whole one
 */
export function continuedPattern(before: number, added: number, options: PatternOptions): SparsePattern {
  const length = before + added;
  return new SparsePattern(runsOf(0, length, before, complete({ ...options, causal: true })), length);
}
