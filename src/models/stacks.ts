/** Stacks of encoder and decoder layers. */
import type { Tensor } from '../core/tensor.ts';
import { makeAttention } from '../nn/attention/kinds.ts';
import type { AttentionLayer, AttentionRole } from '../nn/attention/layer.ts';
import type { Mask } from '../nn/attention/masks.ts';
import type { Visible } from '../nn/attention/packing.ts';
import { type FeedForwardLayer, makeFeedForward } from '../nn/feed-forwards/index.ts';
import { Module, type ModuleContext } from '../nn/module.ts';
import { makeNorm, type Norm } from '../nn/norms/index.ts';
import type { AttentionPosition, Position } from '../nn/position/position.ts';
import { Residual } from '../nn/residual.ts';
import type { LayerCache, TransformerCache } from './transformer-cache.ts';
import {
  attentionChoice,
  attentionSizes,
  feedForwardSizes,
  type TransformerConfig,
} from './transformer-config.ts';

/** Self-attention and a feed-forward network, each in a residual connection. */
class EncoderLayer extends Module {
  readonly selfAttention: AttentionLayer;
  readonly selfAttentionResidual: Residual;
  readonly feedForward: FeedForwardLayer;
  readonly feedForwardResidual: Residual;

  constructor(config: TransformerConfig, context: ModuleContext, path: string) {
    super();
    this.selfAttention = attentionOf(config, 'encoder', context, `${path}.selfAttention`);
    this.selfAttentionResidual = residualOf(config, context);
    this.feedForward = feedForwardOf(config, context);
    this.feedForwardResidual = residualOf(config, context);
  }

  /** x `[B, S, C]`, mask `[B, 1, 1, S]` */
  forward(x: Tensor, mask: Visible, position: AttentionPosition | null): Tensor {
    const attended = this.selfAttentionResidual.forward(
      x,
      (y) => this.selfAttention.forward(y, y, { mask, position }),
      mask,
    );
    return this.feedForwardResidual.forward(attended, (y) => this.feedForward.forward(y), mask);
  }
}

/** Masked self-attention, attention to the encoder's output, and a feed-forward network. */
class DecoderLayer extends Module {
  readonly selfAttention: AttentionLayer;
  readonly selfAttentionResidual: Residual;
  readonly crossAttention: AttentionLayer;
  readonly crossAttentionResidual: Residual;
  readonly feedForward: FeedForwardLayer;
  readonly feedForwardResidual: Residual;

  constructor(config: TransformerConfig, context: ModuleContext, path: string) {
    super();
    this.selfAttention = attentionOf(config, 'decoder', context, `${path}.selfAttention`);
    this.selfAttentionResidual = residualOf(config, context);
    this.crossAttention = attentionOf(config, 'cross', context, `${path}.crossAttention`);
    this.crossAttentionResidual = residualOf(config, context);
    this.feedForward = feedForwardOf(config, context);
    this.feedForwardResidual = residualOf(config, context);
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
      mask,
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
      null,
    );
  }

  private run(
    x: Tensor,
    self: (y: Tensor) => Tensor,
    cross: (y: Tensor) => Tensor,
    visible: Visible,
  ): Tensor {
    const attended = this.selfAttentionResidual.forward(x, self, visible);
    const informed = this.crossAttentionResidual.forward(attended, cross, visible);
    return this.feedForwardResidual.forward(informed, (y) => this.feedForward.forward(y), visible);
  }
}

/** A stack of encoder layers. */
export class Encoder extends Module {
  readonly layers: readonly EncoderLayer[];
  readonly norm: Norm | null;

  constructor(config: TransformerConfig, context: ModuleContext) {
    super();
    this.layers = stack(
      config.numEncoderLayers,
      config.shareLayers,
      (i) => new EncoderLayer(config, context, `encoder.layers.${i}`),
    );
    this.norm = finalNorm(config, context);
  }

  /** `[B, S, C]` to `[B, S, C]` */
  forward(x: Tensor, mask: Visible = null, position: Position | null = null): Tensor {
    const top = this.layers.reduce(
      (y, layer, i) => layer.forward(y, mask, position?.inAttention(i) ?? null),
      x,
    );
    return this.norm ? this.norm.forward(top, mask) : top;
  }
}

/** A stack of decoder layers. */
export class Decoder extends Module {
  readonly layers: readonly DecoderLayer[];
  readonly norm: Norm | null;

  constructor(config: TransformerConfig, context: ModuleContext) {
    super();
    this.layers = stack(
      config.numDecoderLayers,
      config.shareLayers,
      (i) => new DecoderLayer(config, context, `decoder.layers.${i}`),
    );
    this.norm = finalNorm(config, context);
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
    return this.norm ? this.norm.forward(top, mask) : top;
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

function stack<T>(count: number, shared: boolean, make: (i: number) => T): T[] {
  const first = make(0);
  return Array.from({ length: count }, (_, i) => (i === 0 || shared ? first : make(i)));
}

/** The attention layer of a role: what the configuration says of the role, or of all self-attention. */
function attentionOf(
  config: TransformerConfig,
  role: AttentionRole,
  context: ModuleContext,
  path: string,
): AttentionLayer {
  return makeAttention(attentionChoice(config, role), attentionSizes(config, role, path), context);
}

function residualOf(config: TransformerConfig, context: ModuleContext): Residual {
  const { dModel, normPlacement, dropout, norm, normEps } = config;
  return new Residual({ dModel, placement: normPlacement, dropout, norm, normEps }, context);
}

function feedForwardOf(config: TransformerConfig, context: ModuleContext): FeedForwardLayer {
  return makeFeedForward(config.feedForward, feedForwardSizes(config), context);
}

function finalNorm(
  { finalNorm: isWanted, norm, dModel, normEps }: TransformerConfig,
  context: ModuleContext,
) {
  return isWanted ? makeNorm(norm, { width: dModel, eps: normEps }, context) : null;
}
