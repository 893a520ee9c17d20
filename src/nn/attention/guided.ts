/** A loss that draws attention to the diagonal, for tasks whose sides run in parallel, as speech and its text. */
import { type Tensor, tensor } from '../../core/tensor.ts';
import { ConfigError, ShapeError } from '../../errors.ts';
import { mul } from '../../ops/elementwise/binary.ts';
import { scale } from '../../ops/elementwise/scale.ts';
import { sum } from '../../ops/reduce/sum.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import { contributeLoss, isCollecting } from '../auxiliary.ts';
import type { OptionRules } from '../variants.ts';
import type { Packing, Segments } from './packing.ts';

const guidedWidth = 0.2;

/** How wide the diagonal is, and what of a padded batch counts. */
export interface GuidedAttentionOptions {
  /** g: how far off the diagonal costs nothing. Default 0.2. */
  readonly width?: number;
  /** T of each entry, the rest is padding; the whole axis by default. */
  readonly queryLengths?: readonly number[];
  /** S of each entry. */
  readonly keyLengths?: readonly number[];
}

/** `W[t, s] = 1 − exp(−(t/T − s/S)² / 2g²)` of one entry, zeros in the padding of `[room, keyRoom]`. */
function penalties(
  T: number,
  S: number,
  [room, keyRoom]: readonly [number, number],
  g: number,
): Float64Array {
  const values = new Float64Array(room * keyRoom);
  for (let t = 0; t < T; t++) {
    for (let s = 0; s < S; s++) {
      values[t * keyRoom + s] = 1 - Math.exp(-((t / T - s / S) ** 2) / (2 * g * g));
    }
  }
  return values;
}

/**
 * Mean of `W ⊙ A` over all pairs that are not padding, `W[t, s] = 1 − exp(−(s/S − t/T)² / 2g²)`.
 *
 * Paper: Tachibana, Uenoyama & Aihara, Efficiently Trainable Text-to-Speech System Based on Deep Convolutional Networks
 * with Guided Attention, 2017, https://arxiv.org/abs/1710.08969, §4.1
 *
 * @param weights - A, `[B, T, S]`
 * @returns a number
 * @throws {ShapeError} when the lengths are not those of the entries
 * @throws {ConfigError} when the width is not above 0
 * @example
 * backward(add(loss, guidedAttentionLoss(weights, { width: 0.2 })));
 */
export function guidedAttentionLoss(weights: Tensor, options: GuidedAttentionOptions = {}): Tensor {
  const [batch, queries, keys] = weights.shape as [number, number, number];
  const { width = guidedWidth } = options;
  if (!(width > 0)) {
    const hint = `${guidedWidth} is the default`;
    throw new ConfigError({
      where: 'guidedAttentionLoss: width',
      expected: 'a number above 0',
      got: `${width}`,
      hint,
    });
  }
  const queryLengths = options.queryLengths ?? new Array<number>(batch).fill(queries);
  const keyLengths = options.keyLengths ?? new Array<number>(batch).fill(keys);
  if (queryLengths.length !== batch || keyLengths.length !== batch) {
    throw new ShapeError({
      where: 'guidedAttentionLoss',
      expected: `lengths of ${batch} entries`,
      got: `${queryLengths.length} and ${keyLengths.length}`,
      hint: 'give a length for each entry, or none at all',
    });
  }
  const values = new Float64Array(weights.size);
  let pairs = 0;
  for (let b = 0; b < batch; b++) {
    const [T, S] = [queryLengths[b]!, keyLengths[b]!];
    values.set(penalties(T, S, [queries, keys], width), b * queries * keys);
    pairs += T * S;
  }
  const penalty = tensor(values, weights.shape, { device: weights.device });
  return scale(sum(mul(weights, penalty)), 1 / Math.max(1, pairs));
}

/** How strongly training draws attention to the diagonal; see `guidedAttentionLoss`. */
export interface Guidance {
  /** Of the loss beside the mean loss of a token; 0, the default, leaves it out. */
  readonly guidedWeight?: number;
  /** How far off the diagonal costs nothing. Default 0.2. */
  readonly guidedWidth?: number;
}

/** Options of a kind of attention that can be guided. */
export const guidanceRules = {
  guidedWeight: { type: 'number', default: 0 },
  guidedWidth: { type: 'number', above: 0, default: guidedWidth },
} as const satisfies OptionRules;

/** What is wrong with the options of a guided kind. */
export function guidanceClash(given: Guidance): string | undefined {
  return given.guidedWeight === 0 && given.guidedWidth !== guidedWidth
    ? `guidedWidth (${given.guidedWidth}) does nothing without guidedWeight; expected a guidedWeight above 0`
    : undefined;
}

/** Whether this step of training asks for the weights; nobody else pays for them. */
export function isGuiding({ guidedWeight = 0 }: Guidance): boolean {
  return guidedWeight > 0 && isCollecting();
}

/**
 * Adds the loss of the weights of heads to that of the step: the mean over heads.
 *
 * @param weights - `[B, H, T, S]`
 * @param segments - the bounds of sequences that were packed before they were padded, or null
 */
export function guide(
  weights: Tensor,
  segments: Segments | null,
  { guidedWeight = 0, guidedWidth: width }: Guidance,
): void {
  const [batch, heads, T, S] = weights.shape as [number, number, number, number];
  const ofHeads = (packing: Packing): number[] =>
    lengthsOf(packing).flatMap((length) => new Array<number>(heads).fill(length));
  const lengths = segments && { queryLengths: ofHeads(segments.queries), keyLengths: ofHeads(segments.keys) };
  const loss = guidedAttentionLoss(reshape(weights, [batch * heads, T, S]), {
    ...(width !== undefined && { width }),
    ...lengths,
  });
  contributeLoss(scale(loss, guidedWeight));
}

function lengthsOf({ starts, count }: Packing): number[] {
  return Array.from({ length: count }, (_, n) => starts[n + 1]! - starts[n]!);
}
