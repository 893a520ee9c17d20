/** Layers of stacks: self-attention and a feed-forward network, with or without attention to an encoder between them. */
import type { Tensor } from '../core/tensor.ts';
import { makeAttention } from '../nn/attention/kinds.ts';
import type { AttentionCache, AttentionLayer } from '../nn/attention/layer.ts';
import type { Mask } from '../nn/attention/masks.ts';
import type { Visible } from '../nn/attention/packing.ts';
import { scaleFirstWeights } from '../nn/deep-norm.ts';
import { type FeedForwardLayer, makeFeedForward } from '../nn/feed-forwards/index.ts';
import { Module, type ModuleContext } from '../nn/module.ts';
import type { AttentionPosition } from '../nn/position/position.ts';
import { Residual, throughResiduals } from '../nn/residual.ts';
import type { BatchStructure } from '../nn/source-structure.ts';
import type { AttentionPlan, LayerPlan } from './stack-plan.ts';
import type { LayerCache } from './transformer-cache.ts';
/** What a layer is told about its input. */
export interface LayerPass {
  /** `[B, 1, 1, T]`, or the bounds of packed sequences. */
  readonly mask: Visible;
  readonly position: AttentionPosition | null;
  /** Factor on the branches, see `StochasticDepth`. */
  readonly branchScale: number;
  /** Whether a token sees no later ones; by default so in a decoder layer only. */
  readonly causal?: boolean;
  /** The trees of the texts. */
  readonly structure?: BatchStructure | null;
}

/** Self-attention and a feed-forward network, each in a residual connection. */
export class SelfAttentionLayer extends Module {
  readonly selfAttention: AttentionLayer;
  /** Where the sublayers stand side by side this connection holds both. */
  readonly selfAttentionResidual: Residual;
  readonly feedForward: FeedForwardLayer;
  readonly feedForwardResidual: Residual | null;
  /** Those that there are; a hidden field, so that no child has two names. */
  readonly #residuals: readonly Residual[];

  constructor(plan: LayerPlan, context: ModuleContext) {
    super();
    this.selfAttention = attentionOf(plan.selfAttention, plan, context);
    this.selfAttentionResidual = new Residual(plan.residual, context);
    this.feedForward = feedForwardOf(plan, context);
    this.feedForwardResidual = furtherResidual(plan, context);
    this.#residuals = present([this.selfAttentionResidual, this.feedForwardResidual]);
  }

  /** x `[B, T, C]` */
  forward(x: Tensor, { mask, position, branchScale, causal = false, structure = null }: LayerPass): Tensor {
    return throughResiduals(
      x,
      this.#residuals,
      [
        (y) => this.selfAttention.forward(y, y, { mask, causal, position, structure }),
        (y) => this.feedForward.forward(y, mask),
      ],
      { visible: mask, branchScale },
    );
  }

  /** The new tokens `[B, T, C]` only; earlier ones are in the cache. */
  step(x: Tensor, cache: AttentionCache, position: AttentionPosition | null): Tensor {
    return throughResiduals(x, this.#residuals, [
      (y) => this.selfAttention.step(y, cache, position),
      (y) => this.feedForward.forward(y),
    ]);
  }
}

/** A layer of the encoder. */
export class EncoderLayer extends SelfAttentionLayer {}

/** Masked self-attention, attention to the encoder's output, and a feed-forward network. */
export class DecoderLayer extends Module {
  readonly selfAttention: AttentionLayer;
  /** Where the sublayers stand side by side this connection holds all three. */
  readonly selfAttentionResidual: Residual;
  readonly crossAttention: AttentionLayer;
  readonly crossAttentionResidual: Residual | null;
  readonly feedForward: FeedForwardLayer;
  readonly feedForwardResidual: Residual | null;

  constructor(plan: LayerPlan, context: ModuleContext) {
    super();
    this.selfAttention = attentionOf(plan.selfAttention, plan, context);
    this.selfAttentionResidual = new Residual(plan.residual, context);
    this.crossAttention = attentionOf(plan.crossAttention!, plan, context);
    this.crossAttentionResidual = furtherResidual(plan, context);
    this.feedForward = feedForwardOf(plan, context);
    this.feedForwardResidual = furtherResidual(plan, context);
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

function attentionOf({ choice, sizes }: AttentionPlan, { gain }: LayerPlan, context: ModuleContext) {
  return withGain(makeAttention(choice, sizes, context), gain);
}

function feedForwardOf({ feedForward, gain }: LayerPlan, context: ModuleContext): FeedForwardLayer {
  return withGain(makeFeedForward(feedForward.choice, feedForward.sizes, context), gain);
}

function withGain<M extends Module>(module: M, gain: number): M {
  if (gain !== 1) scaleFirstWeights(module, gain);
  return module;
}

function furtherResidual({ residual, isParallel }: LayerPlan, context: ModuleContext): Residual | null {
  return isParallel ? null : new Residual(residual, context);
}
