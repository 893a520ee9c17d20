/** Causal self-attention, to earlier segments too, and a feed-forward network, each in a residual connection. */
import type { Tensor } from '../core/tensor.ts';
import type { AttentionCache } from '../nn/attention/layer.ts';
import { MultiHeadAttention } from '../nn/attention/multi-head.ts';
import { FeedForward } from '../nn/feed-forwards/feed-forward.ts';
import { Module, type ModuleContext } from '../nn/module.ts';
import type { AttentionPosition } from '../nn/position/position.ts';
import { type NormPlacement, Residual } from '../nn/residual.ts';
import type { Activation } from '../ops/activate/index.ts';
import { concat } from '../ops/shape/slice.ts';

/** Sizes and rates of a layer. */
export interface CausalLayerOptions {
  readonly dModel: number;
  readonly numHeads: number;
  readonly dFf: number;
  readonly activation: Activation;
  readonly normPlacement: NormPlacement;
  readonly normEps: number;
  /** Rate on each sublayer's output. */
  readonly dropout: number;
  /** Rate on the attention weights. */
  readonly attentionDropout: number;
}

/** What a layer looks at besides its input. */
export interface CausalPass {
  /** Inputs of self-attention from earlier segments, `[B, M, C]`. */
  readonly memory?: Tensor | null;
  readonly position?: AttentionPosition | null;
  /** Is shown the inputs of self-attention, which the next segment may remember. */
  readonly onInput?: (input: Tensor) => void;
}

/** How a layer continues texts. */
export interface CausalStep {
  readonly position?: AttentionPosition | null;
  /** Tokens that each one sees before it; all of them by default. */
  readonly reach?: number | undefined;
}

/** A decoder layer without a source. */
export class CausalLayer extends Module {
  readonly selfAttention: MultiHeadAttention;
  readonly selfAttentionResidual: Residual;
  readonly feedForward: FeedForward;
  readonly feedForwardResidual: Residual;

  constructor(options: CausalLayerOptions, context: ModuleContext) {
    super();
    const { dModel, numHeads, dFf, activation, normPlacement, normEps, dropout } = options;
    const residual = { dModel, placement: normPlacement, dropout, normEps };
    this.selfAttention = new MultiHeadAttention(
      { dModel, numHeads, dropout: options.attentionDropout },
      context,
    );
    this.selfAttentionResidual = new Residual(residual, context);
    this.feedForward = new FeedForward({ dModel, dFf, activation }, context);
    this.feedForwardResidual = new Residual(residual, context);
  }

  /** `[B, T, C]` to `[B, T, C]` */
  forward(x: Tensor, { memory = null, position = null, onInput }: CausalPass = {}): Tensor {
    const attended = this.selfAttentionResidual.forward(x, (y) => {
      onInput?.(y);
      const seen = memory ? concat([memory, y], 1) : y; // [B, M + T, C]
      const causalOffset = memory?.shape[1] ?? 0;
      return this.selfAttention.forward(y, seen, { causal: true, causalOffset, position });
    });
    return this.feedForwardResidual.forward(attended, (y) => this.feedForward.forward(y));
  }

  /** Room for the keys and values of `room` tokens in each of `batch` texts. */
  makeCache(batch: number, room: number): AttentionCache {
    const { selfAttention } = this;
    return selfAttention.makeCache(batch, room, selfAttention.output.weight);
  }

  /** The new tokens `[B, T, C]` join the cache and attend to it. */
  step(x: Tensor, cache: AttentionCache, { position = null, reach }: CausalStep = {}): Tensor {
    const window = reach === undefined ? null : ([reach, 0] as const);
    const attended = this.selfAttentionResidual.forward(x, (y) =>
      this.selfAttention.step(y, cache, position, window),
    );
    return this.feedForwardResidual.forward(attended, (y) => this.feedForward.forward(y));
  }
}
