/**
 * Long texts through an encoder in segments that do not see each other: split, run apart, pool.
 *
 * Paper: Al-Rfou et al. 2018, https://arxiv.org/abs/1808.04444 (segments that are processed alone)
 */
import type { Tensor } from '../core/tensor.ts';
import { ConfigError, expectName } from '../errors.ts';
import { Packing, Segments } from '../nn/attention/packing.ts';
import { max } from '../ops/reduce/max.ts';
import { mean } from '../ops/reduce/sum.ts';
import { permute } from '../ops/shape/permute.ts';
import type { Transformer } from './transformer.ts';

/**
 * Cuts a text into segments of at most `length` tokens.
 *
 * @returns segments that, joined, are the text
 * @throws {ConfigError} when the length is not a positive whole number
 * @example
 * splitSegments([1, 2, 3, 4, 5], 2); // [[1, 2], [3, 4], [5]]
 */
export function splitSegments<T>(tokens: readonly T[], length: number): T[][] {
  if (!(Number.isSafeInteger(length) && length > 0)) {
    const expected = 'a positive whole number';
    throw new ConfigError({ where: 'splitSegments: length', expected, got: String(length) });
  }
  return Array.from({ length: Math.ceil(tokens.length / length) }, (_, i) =>
    tokens.slice(i * length, (i + 1) * length),
  );
}

/** How the vectors of all tokens become one: `[1, N, C]` to `[1, C]`. */
export const poolings = {
  mean: (x: Tensor): Tensor => mean(x, { axes: [1] }),
  max: (x: Tensor): Tensor => max(permute(x, [0, 2, 1])),
} as const;

/** Names of the ways to pool. */
export type Pooling = keyof typeof poolings;

/** A long text as an encoder saw it, segment by segment. */
export interface SegmentEncoding {
  /** Of every token, `[1, N, C]`. */
  readonly tokens: Tensor;
  /** Of the text, `[1, C]`. */
  readonly pooled: Tensor;
  /** Tokens of each segment. */
  readonly lengths: readonly number[];
}

/**
 * Runs a text of any length through the encoder of a Transformer in segments that do not see each other, in one pass,
 * and pools what comes out. Time grows with the length of the text, not with its square.
 *
 * @param ids - of the text
 * @param options - tokens of a segment, at most the model's maxSeqLen; how vectors are pooled, by their mean by default
 * @throws {ConfigError} when the text is empty, the length is not one that the model takes, or the pooling is unknown
 * @example
 * const { pooled } = encodeSegments(model, tokenizer.encode(book), { length: 256 });
 */
export function encodeSegments(
  model: Transformer,
  ids: readonly number[],
  { length, pooling = 'mean' }: { readonly length: number; readonly pooling?: Pooling },
): SegmentEncoding {
  const where = 'encodeSegments';
  expectName(`${where}: pooling`, pooling, Object.keys(poolings));
  if (ids.length === 0)
    throw new ConfigError({
      where,
      expected: 'at least one token',
      got: 'none',
      hint: 'leave empty texts out',
    });
  if (length > model.maxSeqLen) {
    const expected = `segments of at most ${model.maxSeqLen} tokens (maxSeqLen)`;
    throw new ConfigError({ where, expected, got: String(length), hint: 'choose shorter segments' });
  }
  const lengths = splitSegments(ids, length).map((segment) => segment.length);
  const packing = new Packing(lengths, model.device);
  const tokens = model.encode(packing.pack(Int32Array.from(ids)), new Segments(packing), packing.positions);
  return { tokens, pooled: poolings[pooling](tokens), lengths };
}
