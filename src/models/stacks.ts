/** Stacks of encoder and decoder layers. */
import type { Tensor } from '../core/tensor.ts';
import type { Mask } from '../nn/attention/masks.ts';
import { MultiHeadAttention } from '../nn/attention/multi-head.ts';
import type { Visible } from '../nn/attention/packing.ts';
import { FeedForward } from '../nn/feed-forward.ts';
import { LayerNorm } from '../nn/layer-norm.ts';
import { Module, type ModuleContext } from '../nn/module.ts';
import type { AttentionPosition, Position } from '../nn/position/position.ts';
import { Residual } from '../nn/residual.ts';
import type { LayerCache, TransformerCache } from './transformer-cache.ts';
import type { TransformerConfig } from './transformer-config.ts';

/** Self-attention and a feed-forward network, each in a residual connection. */
class EncoderLayer extends Module {
  readonly selfAttention: MultiHeadAttention;
  readonly selfAttentionResidual: Residual;
  readonly feedForward: FeedForward;
  readonly feedForwardResidual: Residual;

  constructor(config: TransformerConfig, context: ModuleContext) {
    super();
    this.selfAttention = new MultiHeadAttention(attentionOptions(config), context);
    this.selfAttentionResidual = new Residual(residualOptions(config), context);
    this.feedForward = new FeedForward(feedForwardOptions(config), context);
    this.feedForwardResidual = new Residual(residualOptions(config), context);
  }

  /** x `[B, S, C]`, mask `[B, 1, 1, S]` */
  forward(x: Tensor, mask: Visible, position: AttentionPosition | null): Tensor {
    const attended = this.selfAttentionResidual.forward(x, (y) =>
      this.selfAttention.forward(y, y, { mask, position }),
    );
    return this.feedForwardResidual.forward(attended, (y) => this.feedForward.forward(y));
  }
}

/** Masked self-attention, attention to the encoder's output, and a feed-forward network. */
class DecoderLayer extends Module {
  readonly selfAttention: MultiHeadAttention;
  readonly selfAttentionResidual: Residual;
  readonly crossAttention: MultiHeadAttention;
  readonly crossAttentionResidual: Residual;
  readonly feedForward: FeedForward;
  readonly feedForwardResidual: Residual;

  constructor(config: TransformerConfig, context: ModuleContext) {
    super();
    this.selfAttention = new MultiHeadAttention(attentionOptions(config), context);
    this.selfAttentionResidual = new Residual(residualOptions(config), context);
    this.crossAttention = new MultiHeadAttention(attentionOptions(config), context);
    this.crossAttentionResidual = new Residual(residualOptions(config), context);
    this.feedForward = new FeedForward(feedForwardOptions(config), context);
    this.feedForwardResidual = new Residual(residualOptions(config), context);
  }

  /** x `[B, T, C]`, memory `[B, S, C]`, masks `[B, 1, 1, T]` and `[B, 1, 1, S]` */
  forward(
    x: Tensor,
    memory: Tensor,
    mask: Visible,
    memoryMask: Visible,
    position: AttentionPosition | null,
  ): Tensor {
    return this.run(
      x,
      (y) => this.selfAttention.forward(y, y, { mask, causal: true, position }),
      (y) => this.crossAttention.forward(y, memory, { mask: memoryMask }),
    );
  }

  /** The new tokens `[B, T, C]` only; earlier ones are in the cache. */
  step(
    x: Tensor,
    { self, cross }: LayerCache,
    memoryMask: Mask | null,
    position: AttentionPosition | null,
  ): Tensor {
    return this.run(
      x,
      (y) => this.selfAttention.step(y, self, position),
      (y) => this.crossAttention.attendTo(y, cross, { mask: memoryMask }),
    );
  }

  private run(x: Tensor, self: (y: Tensor) => Tensor, cross: (y: Tensor) => Tensor): Tensor {
    const attended = this.selfAttentionResidual.forward(x, self);
    const informed = this.crossAttentionResidual.forward(attended, cross);
    return this.feedForwardResidual.forward(informed, (y) => this.feedForward.forward(y));
  }
}

/** A stack of encoder layers. */
export class Encoder extends Module {
  readonly layers: readonly EncoderLayer[];
  readonly norm: LayerNorm | null;

  constructor(config: TransformerConfig, context: ModuleContext) {
    super();
    this.layers = stack(config.numEncoderLayers, config.shareLayers, () => new EncoderLayer(config, context));
    this.norm = config.finalNorm ? new LayerNorm(config.dModel, context, config.normEps) : null;
  }

  /** `[B, S, C]` to `[B, S, C]` */
  forward(x: Tensor, mask: Visible = null, position: Position | null = null): Tensor {
    const top = this.layers.reduce(
      (y, layer, i) => layer.forward(y, mask, position?.inAttention(i) ?? null),
      x,
    );
    return this.norm ? this.norm.forward(top) : top;
  }
}

/** A stack of decoder layers. */
export class Decoder extends Module {
  readonly layers: readonly DecoderLayer[];
  readonly norm: LayerNorm | null;

  constructor(config: TransformerConfig, context: ModuleContext) {
    super();
    this.layers = stack(config.numDecoderLayers, config.shareLayers, () => new DecoderLayer(config, context));
    this.norm = config.finalNorm ? new LayerNorm(config.dModel, context, config.normEps) : null;
  }

  /** x `[B, T, C]`, memory `[B, S, C]` to `[B, T, C]` */
  forward(
    x: Tensor,
    memory: Tensor,
    mask: Visible = null,
    memoryMask: Visible = null,
    position: Position | null = null,
  ): Tensor {
    const top = this.layers.reduce(
      (y, layer, i) => layer.forward(y, memory, mask, memoryMask, position?.inAttention(i) ?? null),
      x,
    );
    return this.norm ? this.norm.forward(top) : top;
  }

  /** As `forward`, for the new tokens only. */
  step(x: Tensor, cache: TransformerCache, position: Position | null = null): Tensor {
    const top = this.layers.reduce(
      (y, layer, i) => layer.step(y, cache.layers[i]!, cache.memoryMask, position?.inAttention(i) ?? null),
      x,
    );
    return this.norm ? this.norm.forward(top) : top;
  }
}

function stack<T>(count: number, shared: boolean, make: () => T): T[] {
  const first = make();
  return Array.from({ length: count }, (_, i) => (i === 0 || shared ? first : make()));
}

function attentionOptions({
  dModel,
  numHeads,
  attentionDropout,
  attentionScale,
  headDim,
  valueDim,
}: TransformerConfig) {
  return {
    dModel,
    numHeads,
    dropout: attentionDropout,
    scale: attentionScale,
    ...(headDim !== undefined && { headDim }),
    ...(valueDim !== undefined && { valueDim }),
  };
}

function residualOptions({ dModel, normPlacement, dropout, normEps }: TransformerConfig) {
  return { dModel, placement: normPlacement, dropout, normEps };
}

function feedForwardOptions({ dModel, dFf, activation, activationDropout }: TransformerConfig) {
  return { dModel, dFf, activation, dropout: activationDropout };
}
