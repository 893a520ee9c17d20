/**
 * Relative positions of Transformer-XL: the query meets a key by its content and by a projected sinusoid of their
 * distance, each with a learned bias in place of the query's own position.
 *
 * `score = ((q_t + u) · k_s + (q_t + v) · W_R R_{t−s}) / √D`
 *
 * Paper: Dai et al. 2019, §3.3, https://arxiv.org/abs/1901.02860
 */
import type { Device } from '../../core/device.ts';
import { type Tensor, tensor } from '../../core/tensor.ts';
import type { RelativeScores } from '../../ops/attention/relative.ts';
import { add } from '../../ops/elementwise/binary.ts';
import { scale } from '../../ops/elementwise/scale.ts';
import { matmul } from '../../ops/matmul/index.ts';
import { permute } from '../../ops/shape/permute.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import { slice } from '../../ops/shape/slice.ts';
import { constant } from '../initializers.ts';
import { Linear } from '../linear.ts';
import { Module, type ModuleContext, type Parameter, parameter } from '../module.ts';
import { type DistanceRange, distanceRange } from './distance-scores.ts';
import { type AttentionPosition, Position, type PositionSizes, type RelativeSizes } from './position.ts';

/** `sin(d θ_i)`, then `cos(d θ_i)`, of the distances (query minus key) `most … −most`, a row each. */
function distanceWaves(most: number, width: number): Float64Array {
  const half = Math.ceil(width / 2);
  const rows = 2 * most + 1;
  const waves = new Float64Array(rows * width);
  for (let i = 0; i < rows; i++) {
    for (let c = 0; c < width; c++) {
      const angle = (most - i) / 10_000 ** ((2 * (c % half)) / width);
      waves[i * width + c] = c < half ? Math.sin(angle) : Math.cos(angle);
    }
  }
  return waves;
}

/** The waves of all distances so far; the table grows with the longest one that is asked for. */
class Waves {
  private readonly width: number;
  private most = 0;
  private table: Tensor | null = null;

  constructor(width: number) {
    this.width = width;
  }

  /** Those of a range, `[W, C]`. */
  of({ first, width: count }: DistanceRange, device: Device): Tensor {
    if (this.table?.device !== device || this.most < -first)
      this.grow(Math.max(-first, 2 * this.most), device);
    const start = this.most + first;
    return slice(this.table!, 0, start, start + count);
  }

  private grow(most: number, device: Device): void {
    this.table?.dispose();
    this.table = tensor(distanceWaves(most, this.width), [2 * most + 1, this.width], { device }).keep();
    this.most = most;
  }
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
  private readonly waves: Waves;

  constructor(sizes: PositionSizes, waves: Waves, context: ModuleContext) {
    super();
    const all = sizes.numHeads * sizes.headDim;
    this.sizes = sizes;
    this.waves = waves;
    this.contentBias = parameter([all], constant(0), context);
    this.positionBias = parameter([all], constant(0), context);
    this.projection = new Linear(sizes.width, all, context, { bias: false });
  }

  query(query: Tensor): Tensor {
    return add(query, this.contentBias);
  }

  scores(query: Tensor, { keys, scale: factor }: RelativeSizes): RelativeScores {
    const { numHeads, causal } = this.sizes;
    const [batch, length] = query.shape as [number, number, number];
    const range = distanceRange(Math.max(0, keys - 1), causal);
    const waves = this.waves.of(range, query.device); // [W, C]
    const queries = headsFirst(scale(add(query, this.positionBias), factor), numHeads); // [H, B·T, D]
    const scores = permute(this.products(queries, waves), [1, 0, 2]); // [B·T, H, W]
    return { table: reshape(scores, [batch, length, numHeads * range.width]), first: range.first };
  }

  /** `Q (R W_Rᵀ)ᵀ` or `(Q W_R) Rᵀ`, whichever costs less: the first for a segment, the second for a token. */
  private products(queries: Tensor, waves: Tensor): Tensor {
    const { numHeads, width, headDim } = this.sizes;
    const [rows, distances] = [queries.shape[1]!, waves.shape[0]!];
    const projectDistances = distances * headDim * (width + rows);
    const projectQueries = rows * width * (headDim + distances);
    if (projectDistances <= projectQueries || this.projection.quantized)
      return matmul(queries, headsFirst(this.projection.forward(waves), numHeads), { transposeB: true });
    const weights = reshape(this.projection.weight, [numHeads, headDim, width]);
    return matmul(matmul(queries, weights), waves, { transposeB: true }); // [H, B·T, W]
  }
}

/** Content and distance meet with biases of their own, in each layer its own. */
export class TransformerXlPosition extends Position {
  readonly layers: readonly XlLayer[];

  constructor(sizes: PositionSizes, context: ModuleContext) {
    super();
    const waves = new Waves(sizes.width);
    this.layers = Array.from({ length: sizes.numLayers }, () => new XlLayer(sizes, waves, context));
  }

  override inAttention(layer: number): AttentionPosition {
    return this.layers[layer]!;
  }
}
