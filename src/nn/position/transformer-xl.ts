/**
 * Relative positions of Transformer-XL: the query meets a key by its content and by a projected sinusoid of their
 * distance, each with a learned bias in place of the query's own position.
 *
 * `score = ((q_t + u) · k_s + (q_t + v) · W_R R_{t−s}) / √D`
 *
 * Paper: Dai et al. 2019, §3.3, https://arxiv.org/abs/1901.02860
 */
import { type Tensor, tensor } from '../../core/tensor.ts';
import type { RelativeScores } from '../../ops/attention/relative.ts';
import { add } from '../../ops/elementwise/binary.ts';
import { scale } from '../../ops/elementwise/scale.ts';
import { matmul } from '../../ops/matmul/index.ts';
import { permute } from '../../ops/shape/permute.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import { constant } from '../initializers.ts';
import { Linear } from '../linear.ts';
import { Module, type ModuleContext, type Parameter, parameter } from '../module.ts';
import { distanceRange } from './distance-scores.ts';
import { type AttentionPosition, Position, type PositionSizes, type RelativeSizes } from './position.ts';

/** `sin(d θ_i)`, then `cos(d θ_i)`, of the distances `−first, −first − 1, …` (query minus key). */
function distanceWaves(first: number, count: number, width: number): Float64Array {
  const half = Math.ceil(width / 2);
  const waves = new Float64Array(count * width);
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < width; c++) {
      const angle = -(first + i) / 10_000 ** ((2 * (c % half)) / width);
      waves[i * width + c] = c < half ? Math.sin(angle) : Math.cos(angle);
    }
  }
  return waves;
}

/** `[…, H·D]` seen as heads and put first: `[H, n, D]`. */
function headsFirst(x: Tensor, heads: number): Tensor {
  const width = x.shape.at(-1)!;
  return permute(reshape(x, [x.size / width, heads, width / heads]), [1, 0, 2]);
}

/** u, v and W_R of one layer. */
class XlLayer extends Module implements AttentionPosition {
  /** u `[H·D]`, added to queries that meet keys. */
  readonly contentBias: Parameter;
  /** v `[H·D]`, added to queries that meet distances. */
  readonly positionBias: Parameter;
  readonly projection: Linear;
  private readonly sizes: PositionSizes;

  constructor(sizes: PositionSizes, context: ModuleContext) {
    super();
    const all = sizes.numHeads * sizes.headDim;
    this.sizes = sizes;
    this.contentBias = parameter([all], constant(0), context);
    this.positionBias = parameter([all], constant(0), context);
    this.projection = new Linear(sizes.width, all, context, { bias: false });
  }

  query(query: Tensor): Tensor {
    return add(query, this.contentBias);
  }

  scores(query: Tensor, { keys, scale: factor }: RelativeSizes): RelativeScores {
    const { numHeads, width, causal } = this.sizes;
    const [batch, length] = query.shape as [number, number, number];
    const range = distanceRange(Math.max(0, keys - 1), causal);
    const waves = tensor(distanceWaves(range.first, range.width, width), [range.width, width], {
      device: query.device,
    });
    const distances = headsFirst(this.projection.forward(waves), numHeads); // [H, W, D]
    const queries = headsFirst(scale(add(query, this.positionBias), factor), numHeads); // [H, B·T, D]
    const scores = permute(matmul(queries, distances, { transposeB: true }), [1, 0, 2]); // [B·T, H, W]
    return { table: reshape(scores, [batch, length, numHeads * range.width]), first: range.first };
  }
}

/** Content and distance meet with biases of their own, in each layer its own. */
export class TransformerXlPosition extends Position {
  readonly layers: readonly XlLayer[];

  constructor(sizes: PositionSizes, context: ModuleContext) {
    super();
    this.layers = Array.from({ length: sizes.numLayers }, () => new XlLayer(sizes, context));
  }

  override inAttention(layer: number): AttentionPosition {
    return this.layers[layer]!;
  }
}
