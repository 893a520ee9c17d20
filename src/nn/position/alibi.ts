/**
 * Attention with linear biases: a score falls with the distance, `−slope_h · |s − t|`, and no vector says a place.
 *
 * Paper: Press, Smith & Lewis 2021, https://arxiv.org/abs/2108.12409
 */

import type { Tensor } from '../../core/tensor.ts';
import { tensor } from '../../core/tensor.ts';
import type { RelativeScores } from '../../ops/attention/relative.ts';
import { byDistance, distanceRange } from './distance-scores.ts';
import { type AttentionPosition, Position, type RelativeSizes } from './position.ts';

/**
 * Slope of each head: `2^(−8h/H)`, h = 1 … H, for a power of two; otherwise those of the power of two below, and every
 * other one of the next power of two.
 */
export function alibiSlopes(numHeads: number): Float64Array {
  const below = 2 ** Math.floor(Math.log2(numHeads));
  const slopes = (heads: number): number[] =>
    Array.from({ length: heads }, (_, h) => 2 ** ((-8 * (h + 1)) / heads));
  const between = slopes(2 * below).filter((_, h) => h % 2 === 0);
  return Float64Array.from([...slopes(below), ...between].slice(0, numHeads));
}

/** Lowers scores in proportion to the distance, in every layer alike. */
export class AlibiPosition extends Position implements AttentionPosition {
  private readonly slopes: Float64Array;
  private readonly causal: boolean;

  constructor(numHeads: number, causal: boolean) {
    super();
    this.slopes = alibiSlopes(numHeads);
    this.causal = causal;
  }

  override inAttention(): AttentionPosition {
    return this;
  }

  scores({ device }: Tensor, sizes: RelativeSizes): RelativeScores {
    const { first, width } = distanceRange(Math.max(0, sizes.keys - 1), this.causal);
    const heads = this.slopes.length;
    const values = Float64Array.from(
      { length: width * heads },
      (_, i) => -this.slopes[i % heads]! * Math.abs(first + Math.floor(i / heads)),
    );
    return byDistance(tensor(values, [width, heads], { device }), first, sizes);
  }
}
