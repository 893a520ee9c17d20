/** Stacks of encoder and decoder layers. */
import type { Tensor } from '../core/tensor.ts';
import type { Visible } from '../nn/attention/packing.ts';
import { Module, type ModuleContext } from '../nn/module.ts';
import { makeNorm, type Norm } from '../nn/norms/index.ts';
import type { Position } from '../nn/position/position.ts';
import type { BatchStructure } from '../nn/source-structure.ts';
import { StochasticDepth } from '../nn/stochastic-depth.ts';
import { DecoderLayer, EncoderLayer } from './layers.ts';
import type { TransformerCache } from './transformer-cache.ts';
import { normChoice, type StackRole, type TransformerConfig } from './transformer-config.ts';

/** A stack of encoder layers. */
export class Encoder extends Module {
  readonly layers: readonly EncoderLayer[];
  readonly norm: Norm | null;
  private readonly depth: StochasticDepth;

  constructor(config: TransformerConfig, context: ModuleContext) {
    super();
    this.layers = stack(
      config.numEncoderLayers,
      config.shareLayers,
      (i) => new EncoderLayer(config, context, `encoder.layers.${i}`),
    );
    this.norm = finalNorm(config, 'encoder', context);
    this.depth = new StochasticDepth(config.stochasticDepth, config.numEncoderLayers);
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
    const top = this.layers.reduce((y, layer, i) => {
      const own = position?.inAttention(i, structure) ?? null;
      return this.depth.through(y, i, (branchScale) =>
        layer.forward(y, { mask, position: own, branchScale, structure }),
      );
    }, x);
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
    this.layers = stack(
      config.numDecoderLayers,
      config.shareLayers,
      (i) => new DecoderLayer(config, context, `decoder.layers.${i}`),
    );
    this.norm = finalNorm(config, 'decoder', context);
    this.depth = new StochasticDepth(config.stochasticDepth, config.numDecoderLayers);
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

function stack<T>(count: number, shared: boolean, make: (i: number) => T): T[] {
  const first = make(0);
  return Array.from({ length: count }, (_, i) => (i === 0 || shared ? first : make(i)));
}

function finalNorm(config: TransformerConfig, role: StackRole, context: ModuleContext): Norm | null {
  if (!config.finalNorm) return null;
  return makeNorm(normChoice(config, role), { width: config.dModel, eps: config.normEps }, context);
}
