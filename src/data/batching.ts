/** Batches: of examples of like length, so that little is padding; or packed, without any. */
import { Random } from '../core/random.ts';
import { ConfigError } from '../errors.ts';
import type { SourceStructure } from '../nn/source-structure.ts';

/** Token ids of a source and its target. */
export interface TokenPair {
  readonly source: readonly number[];
  readonly target: readonly number[];
  /** The dependency tree of the source, where it has one. */
  readonly structure?: SourceStructure;
}

/** Lengths of an example in tokens. */
export interface PairLengths {
  readonly source: number;
  readonly target: number;
}

/** How examples are put into batches. */
export interface BatchOptions {
  /**
   * Most tokens of a batch on its longer side, padding included where there is any. An example longer than this is a
   * batch of its own.
   */
  readonly maxTokens: number;
  /** Most examples of a batch. */
  readonly maxSentences?: number;
  readonly seed: number;
  /** Counted from 0; every epoch has other batches in another order. */
  readonly epoch: number;
  /** False: from the shortest to the longest, the same in every epoch. */
  readonly shuffle: boolean;
}

/**
 * Puts every example into exactly one batch. The list depends on nothing but the lengths and the options, so
 * training continues from batch k of epoch e with `bucketBatches(…).slice(k)`.
 *
 * Examples are shuffled, then sorted by target and source length (ties keep the shuffled order), cut into
 * batches, and the batches shuffled.
 *
 * @param lengths - lengths in tokens; a decoder-only model gives the same for both sides
 * @returns indices of the examples of each batch
 * @throws ConfigError when a limit is not a positive whole number
 * @example
 * bucketBatches([{ source: 3, target: 2 }], { maxTokens: 4096, seed: 1, epoch: 0, shuffle: true }); // [[0]]
 */
export function bucketBatches(lengths: readonly PairLengths[], options: BatchOptions): number[][] {
  const { maxTokens, maxSentences } = limitsOf(options);
  const { order, random } = startOrder(lengths.length, options);
  order.sort((a, b) => compareLengths(lengths[a]!, lengths[b]!));
  let longest = 0;
  const batches = cut(order, (index, size) => {
    const { source, target } = lengths[index]!;
    const next = Math.max(size === 0 ? 0 : longest, source, target);
    const fits = size < maxSentences && (size + 1) * next <= maxTokens;
    longest = fits ? next : Math.max(source, target);
    return fits;
  });
  return options.shuffle ? random.shuffle(batches) : batches;
}

/**
 * Puts every example into exactly one batch, in shuffled order whatever its length: for packed batches, which have no
 * padding. As with `bucketBatches`, training continues from any batch of any epoch.
 *
 * @returns indices of the examples of each batch
 * @throws ConfigError when a limit is not a positive whole number
 * @example
 * packedBatches([{ source: 3, target: 2 }], { maxTokens: 4096, seed: 1, epoch: 0, shuffle: true }); // [[0]]
 */
export function packedBatches(lengths: readonly PairLengths[], options: BatchOptions): number[][] {
  const { maxTokens, maxSentences } = limitsOf(options);
  let total = { source: 0, target: 0 };
  return cut(startOrder(lengths.length, options).order, (index, size) => {
    const { source, target } = lengths[index]!;
    const next = { source: total.source + source, target: total.target + target };
    const fits = size < maxSentences && Math.max(next.source, next.target) <= maxTokens;
    total = fits ? next : { source, target };
    return fits;
  });
}

function limitsOf({ maxTokens, maxSentences = Number.MAX_SAFE_INTEGER }: BatchOptions) {
  for (const [where, value] of Object.entries({ maxTokens, maxSentences })) {
    if (Number.isSafeInteger(value) && value > 0) continue;
    throw new ConfigError({ where, expected: 'a positive whole number', got: String(value) });
  }
  return { maxTokens, maxSentences };
}

/** The examples in the order of this epoch, and the random stream that goes on from there. */
function startOrder(count: number, { seed, epoch, shuffle }: BatchOptions) {
  const order = Array.from({ length: count }, (_, i) => i);
  const random = new Random(seed, `batches/epoch-${epoch}`);
  if (shuffle) random.shuffle(order);
  return { order, random };
}

/** Cuts a list before every element that does not fit into the batch of `size` before it. */
function cut(order: readonly number[], fits: (index: number, size: number) => boolean): number[][] {
  const batches: number[][] = [];
  for (const index of order) {
    const batch = batches.at(-1);
    if (fits(index, batch?.length ?? 0) && batch) batch.push(index);
    else batches.push([index]);
  }
  return batches;
}

function compareLengths(a: PairLengths, b: PairLengths): number {
  return a.target - b.target || a.source - b.source;
}

/** Share of the tokens of padded batches that are padding, both sides together, 0 … 1. */
export function padShare(batches: readonly (readonly number[])[], lengths: readonly PairLengths[]): number {
  let padded = 0;
  let real = 0;
  for (const batch of batches) {
    for (const side of ['source', 'target'] as const) {
      const sizes = batch.map((index) => lengths[index]![side]);
      padded += sizes.length * Math.max(...sizes);
      for (const size of sizes) real += size;
    }
  }
  return padded === 0 ? 0 : 1 - real / padded;
}
