/** Stacks of layers. */
import type { Tensor } from '../core/tensor.ts';
import type { AttentionCache } from '../nn/attention/layer.ts';
import type { Visible } from '../nn/attention/packing.ts';
import { Module, type ModuleContext } from '../nn/module.ts';
import { makeNorm, type Norm } from '../nn/norms/index.ts';
import type { Position } from '../nn/position/position.ts';
import type { BatchStructure } from '../nn/source-structure.ts';
import { StochasticDepth } from '../nn/stochastic-depth.ts';
import { DecoderLayer, EncoderLayer, type SelfAttentionLayer } from './layers.ts';
import type { LayerPlan, StackPlan } from './stack-plan.ts';
import type { TransformerCache } from './transformer-cache.ts';
import { stackPlan, type TransformerConfig } from './transformer-config.ts';

/** Layers, and what leaves some of them out in training. */
export interface LayerStack {
  readonly layers: readonly SelfAttentionLayer[];
  readonly depth: StochasticDepth;
}

/** What the layers of a stack are told about their input. */
export interface StackPass {
  /** `[B, 1, 1, T]`, or the bounds of packed sequences. */
  readonly mask?: Visible;
  readonly position?: Position | null;
  /** Whether a token sees no later ones; false by default. */
  readonly causal?: boolean;
  /** The trees of the texts, for mechanisms that look at them. */
  readonly structure?: BatchStructure | null;
}

/** x `[B, T, C]` through all layers. */
export function throughLayers(
  { layers, depth }: LayerStack,
  x: Tensor,
  { mask = null, position = null, causal = false, structure = null }: StackPass,
): Tensor {
  return layers.reduce((y, layer, i) => {
    const own = position?.inAttention(i, structure) ?? null;
    return depth.through(y, i, (branchScale) =>
      layer.forward(y, { mask, position: own, branchScale, causal, structure }),
    );
  }, x);
}

/** As `throughLayers`, for new tokens of which the caches hold what came before. */
export function stepThroughLayers(
  { layers }: LayerStack,
  x: Tensor,
  caches: readonly AttentionCache[],
  position: Position,
): Tensor {
  return layers.reduce((y, layer, i) => layer.step(y, caches[i]!, position.inAttention(i)), x);
}

/** A stack of encoder layers. */
export class Encoder extends Module {
  readonly layers: readonly EncoderLayer[];
  readonly norm: Norm | null;
  readonly depth: StochasticDepth;

  constructor(config: TransformerConfig, context: ModuleContext) {
    super();
    const plan = stackPlan(config, 'encoder');
    this.layers = makeLayers(plan, (layer) => new EncoderLayer(layer, context));
    this.norm = finalNorm(plan, context);
    this.depth = new StochasticDepth(plan.stochasticDepth, plan.numLayers);
  }

  /**
   * `[B, S, C]` to `[B, S, C]`
   *
   * @param structure - the trees of the texts, for mechanisms that look at them
   */
  forward(
    x: Tensor,
    mask: Visible = null,
    position: Position | null = null,
    structure: BatchStructure | null = null,
  ): Tensor {
    const top = throughLayers(this, x, { mask, position, structure });
    return this.norm ? this.norm.forward(top, mask) : top;
  }
}

/** A stack of decoder layers. */
export class Decoder extends Module {
  readonly layers: readonly DecoderLayer[];
  readonly norm: Norm | null;
  private readonly depth: StochasticDepth;

  constructor(config: TransformerConfig, context: ModuleContext) {
    super();
    const plan = stackPlan(config, 'decoder');
    this.layers = makeLayers(plan, (layer) => new DecoderLayer(layer, context));
    this.norm = finalNorm(plan, context);
    this.depth = new StochasticDepth(plan.stochasticDepth, plan.numLayers);
  }

  /**
   * x `[B, T, C]`, memory `[B, S, C]` to `[B, T, C]`
   *
   * @param causal - whether a token sees no later ones
   */
  forward(
    x: Tensor,
    memory: Tensor,
    mask: Visible = null,
    memoryMask: Visible = null,
    position: Position | null = null,
    causal = true,
  ): Tensor {
    const top = this.layers.reduce(
      (y, layer, i) =>
        this.depth.through(y, i, (branchScale) =>
          layer.forward(y, memory, memoryMask, {
            mask,
            position: position?.inAttention(i) ?? null,
            branchScale,
            causal,
          }),
        ),
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

/** The layers of a stack: one for all places, or one for each. */
export function makeLayers<L>(plan: StackPlan, make: (layer: LayerPlan) => L): L[] {
  const first = make(plan.layer(0));
  const isShared = (i: number): boolean => i === 0 || plan.shareLayers;
  return Array.from({ length: plan.numLayers }, (_, i) => (isShared(i) ? first : make(plan.layer(i))));
}

/** The norm at the end of a stack, or null. */
export function finalNorm({ finalNorm: norm }: StackPlan, context: ModuleContext): Norm | null {
  return norm && makeNorm(norm.choice, norm.sizes, context);
}
