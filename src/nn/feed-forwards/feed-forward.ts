/** Position-wise feed-forward network. */
import type { Tensor } from '../../core/tensor.ts';
import { type Activation, activate } from '../../ops/activate/index.ts';
import { nextDropoutKey } from '../dropout-keys.ts';
import type { Initializer } from '../initializers.ts';
import { Linear, linearOptions } from '../linear.ts';
import { Module, type ModuleContext } from '../module.ts';

/** Sizes, activation and dropout of a feed-forward network. */
export interface FeedForwardOptions {
  readonly dModel: number;
  readonly dFf: number;
  readonly activation?: Activation;
  readonly bias?: boolean;
  /** Rate between the two layers. */
  readonly dropout?: number;
  readonly innerInitializer?: Initializer;
  readonly outerInitializer?: Initializer;
}

/** `FFN(x) = activation(x W₁ + b₁) W₂ + b₂`, for each position alone. Paper: Vaswani et al. 2017, §3.3. */
export class FeedForward extends Module {
  readonly inner: Linear;
  readonly outer: Linear;
  readonly activation: Activation;
  private readonly dropout: number;

  constructor(options: FeedForwardOptions, context: ModuleContext) {
    super();
    const { dModel, dFf, bias = true } = options;
    this.inner = new Linear(dModel, dFf, context, linearOptions(bias, options.innerInitializer));
    this.outer = new Linear(dFf, dModel, context, linearOptions(bias, options.outerInitializer));
    this.activation = options.activation ?? 'relu';
    this.dropout = options.dropout ?? 0;
  }

  /** `[B, T, C]` to `[B, T, C]` */
  forward(x: Tensor): Tensor {
    const p = this.training ? this.dropout : 0;
    const hidden = this.inner.multiply(x); // [B, T, F]
    const active = activate(hidden, this.inner.bias, {
      activation: this.activation,
      p,
      key: p > 0 ? nextDropoutKey() : [0, 0],
      rounded: this.outer.roundsInput && !this.wants('hidden'),
    });
    return this.outer.forward(this.expose('hidden', active));
  }
}
