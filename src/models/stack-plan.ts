/** What a stack of layers is made of, whichever model it belongs to. */
import type { AttentionChoice } from '../nn/attention/kinds.ts';
import type { AttentionSizes } from '../nn/attention/layer.ts';
import type { FeedForwardChoice, FeedForwardSizes } from '../nn/feed-forwards/index.ts';
import type { NormChoice, NormSizes } from '../nn/norms/index.ts';
import type { ResidualOptions } from '../nn/residual.ts';

/** A kind of attention and what it is made for. */
export interface AttentionPlan {
  readonly choice: AttentionChoice;
  readonly sizes: AttentionSizes;
}

/** What one layer is made of. */
export interface LayerPlan {
  readonly selfAttention: AttentionPlan;
  /** Attention to an encoder's output; null in a layer without it. */
  readonly crossAttention: AttentionPlan | null;
  readonly feedForward: { readonly choice: FeedForwardChoice; readonly sizes: FeedForwardSizes };
  readonly residual: ResidualOptions;
  /** All sublayers side by side in one residual connection. */
  readonly isParallel: boolean;
  /** Factor on the first weights of values, outputs and feed-forward networks, see `deepNormFactors`. */
  readonly gain: number;
}

/** What a stack is made of. */
export interface StackPlan {
  readonly numLayers: number;
  /** All layers share their parameters. */
  readonly shareLayers: boolean;
  /** Rate of `StochasticDepth`. */
  readonly stochasticDepth: number;
  /** The norm at the end, or null. */
  readonly finalNorm: { readonly choice: NormChoice; readonly sizes: NormSizes } | null;
  layer(index: number): LayerPlan;
}
