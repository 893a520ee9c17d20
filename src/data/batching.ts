/** Batches of examples of like length, so that little of a batch is padding. */
import { Random } from '../core/random.ts';
import { ConfigError } from '../errors.ts';

/** Token ids of a source and its target. */
export interface TokenPair {
  readonly source: readonly number[];
  readonly target: readonly number[];
}

/** Lengths of an example in tokens. */
export interface PairLengths {
  readonly source: number;
  readonly target: number;
}

/** How examples are put into batches. */
export interface BatchOptions {
  /**
   * Most tokens of a batch, padding included, on its longer side: number of examples × the longest source or
   * target among them. An example longer than this is a batch of its own.
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
  const { maxTokens, maxSentences = Number.MAX_SAFE_INTEGER, seed, epoch, shuffle } = options;
  for (const [where, value] of Object.entries({ maxTokens, maxSentences })) {
    if (Number.isSafeInteger(value) && value > 0) continue;
    throw new ConfigError({ where, expected: 'a positive whole number', got: String(value) });
  }
  const order = lengths.map((_, i) => i);
  const random = new Random(seed, `batches/epoch-${epoch}`);
  if (shuffle) random.shuffle(order);
  order.sort((a, b) => compareLengths(lengths[a]!, lengths[b]!));
  const batches: number[][] = [];
  let longest = 0;
  for (const index of order) {
    const { source, target } = lengths[index]!;
    const batch = batches[batches.length - 1];
    const next = Math.max(longest, source, target);
    if (batch && batch.length < maxSentences && (batch.length + 1) * next <= maxTokens) {
      batch.push(index);
      longest = next;
    } else {
      batches.push([index]);
      longest = Math.max(source, target);
    }
  }
  return shuffle ? random.shuffle(batches) : batches;
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
