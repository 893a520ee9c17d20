/**
 * Ways to hide the future, right and wrong: what lectures and notebooks say, made exact so that it can be measured. No part
 * of the library.
 */
import {
  type AttentionOptions,
  type AttentionParams,
  attention,
  attentionParts,
  causalMask,
  concat,
  keepWhere,
  mask,
  matmul,
  mergeHeads,
  noGrad,
  Random,
  slice,
  softmax,
  splitHeads,
  type Tensor,
  tensor,
} from '../src/index.ts';

/**
 * The inefficient way to be causal: for each query attention over the keys up to its own place. Its L steps need what one
 * masked step does at once.
 *
 * Source: Stanford CS224n, lecture 9 (Hewitt, 2021).
 *
 * @param q - `[B, T, H·D]`; keys and values have the same length
 */
export function growingKeys(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
  const rows = Array.from({ length: q.shape[1]! }, (_, t) =>
    attention(slice(q, 1, t, t + 1), slice(k, 1, 0, t + 1), slice(v, 1, 0, t + 1), null, options),
  );
  return concat(rows, 1);
}

/** Weights of the future set to 0 after the softmax: the rows no longer sum to 1, and the sums still hold the future. */
export function zeroedWeights(scores: Tensor, visible: Tensor): Tensor {
  return keepWhere(softmax(scores), visible, 0);
}

/** Causal attention by `zeroedWeights`. */
export function zeroedAfterSoftmax([q, k, v]: readonly Tensor[], params: AttentionParams): Tensor {
  const { scores } = attentionParts(q!, k!, v!, null, { ...params, causal: false });
  const visible = causalMask(q!.shape[1]!, params.keyLength, params.causalOffset, q!);
  return mergeHeads(matmul(zeroedWeights(scores, visible), splitHeads(v!, params.numKvHeads)));
}

/** Scores of the future set to +∞ instead of −∞, as one lecture's slip of the pen has it. */
export function wrongSign(scores: Tensor, visible: Tensor): Tensor {
  return keepWhere(scores, visible, Number.POSITIVE_INFINITY);
}

/** What a pair of mask and shift does to a decoder that must say token i at place i. */
export interface Verdict {
  /** Some place sees the token that it must say, or a later one. */
  readonly leaks: boolean;
  /** Some place sees no key at all. */
  readonly starves: boolean;
}

/**
 * Runs one layer of self-attention over tokens and changes them one by one.
 *
 * @param rule - keys before the query's place (`strict`), or up to it (`inclusive`)
 * @param shifted - the layer reads a begin token and the tokens before the last; else the tokens themselves
 */
export function maskAndShift(rule: 'strict' | 'inclusive', shifted: boolean): Verdict {
  const [length, width] = [6, 4];
  const random = new Random(5, 'tokens');
  const draw = (rows: number): number[] => Array.from({ length: rows * width }, () => random.normal());
  const [begin, tokens] = [draw(1), draw(length)];
  const isSeen = (t: number, s: number): boolean => (rule === 'strict' ? s < t : s <= t);
  const bits = Array.from({ length: length ** 2 }, (_, i) => isSeen(Math.floor(i / length), i % length));
  const visible = mask(bits, [1, 1, length, length], {
    device: tensor(0, [], { device: 'reference' }).device,
  });
  const run = (own: readonly number[]): number[] => {
    const input = shifted ? [...begin, ...own.slice(0, -width)] : own;
    const x = tensor(input, [1, length, width], { device: 'reference' });
    return Array.from(noGrad(() => attention(x, x, x, visible, { numHeads: 1 })).data);
  };
  const before = run(tokens);
  const isLeaked = (place: number): boolean => {
    const after = run(tokens.map((value, i) => (Math.floor(i / width) === place ? value + 1 : value)));
    return after.slice(0, (place + 1) * width).some((value, i) => value !== before[i]);
  };
  return {
    leaks: Array.from({ length }, (_, place) => place).some(isLeaked),
    starves: Array.from({ length }, (_, t) => bits.slice(t * length, (t + 1) * length)).some(
      (row) => !row.includes(true),
    ),
  };
}
