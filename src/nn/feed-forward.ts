/** Position-wise feed-forward network. */
import type { Tensor } from '../core/tensor.ts';
import { type Activation, activate } from '../ops/activate/index.ts';
import { linear } from '../ops/linear/index.ts';
import { nextDropoutKey } from './dropout-keys.ts';
import { Linear } from './linear.ts';
import { Module, type ModuleContext } from './module.ts';

/** Sizes, activation and dropout of a feed-forward network. */
export interface FeedForwardOptions {
  readonly dModel: number;
  readonly dFf: number;
  readonly activation?: Activation;
  /** Rate between the two layers. */
  readonly dropout?: number;
}

/** `FFN(x) = activation(x W₁ + b₁) W₂ + b₂`, for each position alone. Paper: Vaswani et al. 2017, §3.3. */
export class FeedForward extends Module {
  readonly inner: Linear;
  readonly outer: Linear;
  private readonly activation: Activation;
  private readonly dropout: number;

  constructor({ dModel, dFf, activation = 'relu', dropout = 0 }: FeedForwardOptions, context: ModuleContext) {
    super();
    this.inner = new Linear(dModel, dFf, context);
    this.outer = new Linear(dFf, dModel, context);
    this.activation = activation;
    this.dropout = dropout;
  }

  /** `[B, T, C]` to `[B, T, C]` */
  forward(x: Tensor): Tensor {
    const p = this.training ? this.dropout : 0;
    const hidden = linear(x, this.inner.weight); // [B, T, F]
    const active = activate(hidden, this.inner.bias, {
      activation: this.activation,
      p,
      key: p > 0 ? nextDropoutKey() : [0, 0],
    });
    return this.outer.forward(this.expose('hidden', active));
  }
}
