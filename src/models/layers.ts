/** A layer of the encoder and a layer of the decoder. */
import type { Tensor } from '../core/tensor.ts';
import { makeAttention } from '../nn/attention/kinds.ts';
import type { AttentionLayer, AttentionRole } from '../nn/attention/layer.ts';
import type { Mask } from '../nn/attention/masks.ts';
import type { Visible } from '../nn/attention/packing.ts';
import { scaleFirstWeights } from '../nn/deep-norm.ts';
import { type FeedForwardLayer, makeFeedForward } from '../nn/feed-forwards/index.ts';
import { Module, type ModuleContext } from '../nn/module.ts';
import type { AttentionPosition } from '../nn/position/position.ts';
import { Residual, throughResiduals } from '../nn/residual.ts';
import type { BatchStructure } from '../nn/source-structure.ts';
import type { LayerCache } from './transformer-cache.ts';
import {
  attentionChoice,
  attentionSizes,
  deepFactors,
  feedForwardSizes,
  normChoice,
  type StackRole,
  type TransformerConfig,
} from './transformer-config.ts';

/** What a layer is told about its input. */
export interface LayerPass {
  /** `[B, 1, 1, T]`, or the bounds of packed sequences. */
  readonly mask: Visible;
  readonly position: AttentionPosition | null;
  /** Factor on the branches, see `StochasticDepth`. */
  readonly branchScale: number;
  /** Whether a token of a decoder sees no later ones; true by default. */
  readonly causal?: boolean;
  /** The trees of the texts. */
  readonly structure?: BatchStructure | null;
}

/** Self-attention and a feed-forward network, each in a residual connection. */
export class EncoderLayer extends Module {
  readonly selfAttention: AttentionLayer;
  /** With `parallelResidual` this connection holds both sublayers. */
  readonly selfAttentionResidual: Residual;
  readonly feedForward: FeedForwardLayer;
  readonly feedForwardResidual: Residual | null;

  /** @param path - of this layer in the model */
  constructor(config: TransformerConfig, context: ModuleContext, path: string) {
    super();
    this.selfAttention = attentionOf(config, 'encoder', context, `${path}.selfAttention`);
    this.selfAttentionResidual = residualOf(config, 'encoder', context);
    this.feedForward = feedForwardOf(config, 'encoder', context);
    this.feedForwardResidual = furtherResidual(config, 'encoder', context);
  }

  /** x `[B, S, C]` */
  forward(x: Tensor, { mask, position, branchScale, structure = null }: LayerPass): Tensor {
    return throughResiduals(
      x,
      present([this.selfAttentionResidual, this.feedForwardResidual]),
      [
        (y) => this.selfAttention.forward(y, y, { mask, position, structure }),
        (y) => this.feedForward.forward(y, mask),
      ],
      { visible: mask, branchScale },
    );
  }
}

/** Masked self-attention, attention to the encoder's output, and a feed-forward network. */
export class DecoderLayer extends Module {
  readonly selfAttention: AttentionLayer;
  /** With `parallelResidual` this connection holds all three sublayers. */
  readonly selfAttentionResidual: Residual;
  readonly crossAttention: AttentionLayer;
  readonly crossAttentionResidual: Residual | null;
  readonly feedForward: FeedForwardLayer;
  readonly feedForwardResidual: Residual | null;

  /** @param path - of this layer in the model */
  constructor(config: TransformerConfig, context: ModuleContext, path: string) {
    super();
    this.selfAttention = attentionOf(config, 'decoder', context, `${path}.selfAttention`);
    this.selfAttentionResidual = residualOf(config, 'decoder', context);
    this.crossAttention = attentionOf(config, 'cross', context, `${path}.crossAttention`);
    this.crossAttentionResidual = furtherResidual(config, 'decoder', context);
    this.feedForward = feedForwardOf(config, 'decoder', context);
    this.feedForwardResidual = furtherResidual(config, 'decoder', context);
  }

  /** The residual connections that there are. */
  get residuals(): Residual[] {
    return present([this.selfAttentionResidual, this.crossAttentionResidual, this.feedForwardResidual]);
  }

  /** x `[B, T, C]`, memory `[B, S, C]`, memoryMask `[B, 1, 1, S]` */
  forward(x: Tensor, memory: Tensor, memoryMask: Visible, pass: LayerPass): Tensor {
    const { mask, position, branchScale, causal = true } = pass;
    return throughResiduals(
      x,
      this.residuals,
      [
        (y) => this.selfAttention.forward(y, y, { mask, causal, position }),
        (y) => this.crossAttention.forward(y, memory, { mask: memoryMask }),
        (y) => this.feedForward.forward(y, mask),
      ],
      { visible: mask, branchScale },
    );
  }

  /** The new tokens `[B, T, C]` only; earlier ones are in the cache. */
  step(
    x: Tensor,
    { self, cross }: LayerCache,
    memoryMask: Mask | null,
    position: AttentionPosition | null,
  ): Tensor {
    return throughResiduals(x, this.residuals, [
      (y) => this.selfAttention.step(y, self, position),
      (y) => this.crossAttention.attendTo(y, cross, { mask: memoryMask }),
      (y) => this.feedForward.forward(y),
    ]);
  }
}

function present(residuals: readonly (Residual | null)[]): Residual[] {
  return residuals.filter((residual) => residual !== null);
}

/** The attention layer of a role: what the configuration says of the role, or of all self-attention. */
function attentionOf(
  config: TransformerConfig,
  role: AttentionRole,
  context: ModuleContext,
  path: string,
): AttentionLayer {
  const made = makeAttention(attentionChoice(config, role), attentionSizes(config, role, path), context);
  return withGain(made, config, role === 'encoder' ? 'encoder' : 'decoder');
}

function feedForwardOf(config: TransformerConfig, role: StackRole, context: ModuleContext): FeedForwardLayer {
  return withGain(makeFeedForward(config.feedForward, feedForwardSizes(config), context), config, role);
}

function withGain<M extends Module>(module: M, config: TransformerConfig, role: StackRole): M {
  if (config.normPlacement === 'deep') scaleFirstWeights(module, deepFactors(config, role).gain);
  return module;
}

function residualOf(config: TransformerConfig, role: StackRole, context: ModuleContext): Residual {
  const { dModel, normPlacement: placement, dropout, normEps } = config;
  const { inputScale } = deepFactors(config, role);
  const norm = normChoice(config, role);
  return new Residual({ dModel, placement, dropout, norm, normEps, inputScale }, context);
}

function furtherResidual(
  config: TransformerConfig,
  role: StackRole,
  context: ModuleContext,
): Residual | null {
  return config.parallelResidual ? null : residualOf(config, role, context);
}
