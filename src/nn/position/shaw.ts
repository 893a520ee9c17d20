/**
 * Relative position representations: keys and values of each pair get a learned vector for their clipped distance.
 *
 * `score = q_t · (k_s + aᴷ[clip(s − t)]) / √D`, `out_t = Σ_s w_ts (v_s + aⱽ[clip(s − t)])`. The heads of a layer share
 * the vectors. No vector per pair is made: queries meet the 2k + 1 vectors once, weights are summed by distance.
 *
 * Paper: Shaw, Uszkoreit & Vaswani 2018, https://arxiv.org/abs/1803.02155
 */
import type { Tensor } from '../../core/tensor.ts';
import type { RelativeScores } from '../../ops/attention/relative.ts';
import { scale } from '../../ops/elementwise/scale.ts';
import { matmul } from '../../ops/matmul/index.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import { xavierUniform } from '../initializers.ts';
import { Module, type ModuleContext, type Parameter, parameter } from '../module.ts';
import { distanceRange } from './distance-scores.ts';
import { type AttentionPosition, Position, type PositionSizes, type RelativeSizes } from './position.ts';

/** The vectors of one layer. */
class ShawLayer extends Module implements AttentionPosition {
  /** `[W, D]` */
  readonly keys: Parameter;
  /** `[W, Dv]` */
  readonly valueVectors: Parameter;
  private readonly first: number;

  constructor(
    { headDim, valueDim, causal }: Pick<PositionSizes, 'headDim' | 'valueDim' | 'causal'>,
    maxDistance: number,
    context: ModuleContext,
  ) {
    super();
    const { first, width } = distanceRange(maxDistance, causal);
    this.first = first;
    this.keys = parameter([width, headDim], xavierUniform, context);
    this.valueVectors = parameter([width, valueDim], xavierUniform, context);
  }

  scores(query: Tensor, { scale: factor }: RelativeSizes): RelativeScores {
    const [batch, length, all] = query.shape as [number, number, number];
    const [width, headDim] = this.keys.shape as [number, number];
    const heads = all / headDim;
    const rows = reshape(query, [batch * length * heads, headDim]);
    const scores = scale(matmul(rows, this.keys, { transposeB: true }), factor);
    return { table: reshape(scores, [batch, length, heads * width]), first: this.first, bins: true };
  }

  values(bins: Tensor): Tensor {
    const [batch, length, all] = bins.shape as [number, number, number];
    const [width, valueDim] = this.valueVectors.shape as [number, number];
    const heads = all / width;
    const sums = matmul(reshape(bins, [batch * length * heads, width]), this.valueVectors);
    return reshape(sums, [batch, length, heads * valueDim]);
  }
}

/** Learned vectors for clipped distances, in each layer its own. */
export class ShawPosition extends Position {
  readonly layers: readonly ShawLayer[];

  /** @param maxDistance - k of the paper: all distances beyond share a vector */
  constructor(sizes: PositionSizes, maxDistance: number, context: ModuleContext) {
    super();
    this.layers = Array.from({ length: sizes.numLayers }, () => new ShawLayer(sizes, maxDistance, context));
  }

  override inAttention(layer: number): AttentionPosition {
    return this.layers[layer]!;
  }
}
