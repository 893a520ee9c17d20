/** Gated feed-forward networks. */
import type { Tensor } from '../../core/tensor.ts';
import type { Activation } from '../../ops/activate/index.ts';
import { gate } from '../../ops/gate/index.ts';
import { nextDropoutKey } from '../dropout-keys.ts';
import type { Initializer } from '../initializers.ts';
import { Linear, linearOptions } from '../linear.ts';
import { Module, type ModuleContext } from '../module.ts';

/** Sizes, activation of the gate, and dropout of a gated network. */
export interface GatedFeedForwardOptions {
  readonly dModel: number;
  /** The paper takes two thirds of an ungated network's width, which gives the same number of parameters. */
  readonly dFf: number;
  readonly activation: Activation;
  /** Off in the paper. */
  readonly bias?: boolean;
  /** Rate before the last layer. */
  readonly dropout?: number;
  readonly innerInitializer?: Initializer;
  readonly outerInitializer?: Initializer;
}

/** Activation of the gate by the name of the network. */
export const gateActivations = {
  bilinear: 'none',
  glu: 'sigmoid',
  reglu: 'relu',
  geglu: 'gelu',
  swiglu: 'silu',
} as const satisfies Readonly<Record<string, Activation>>;

/**
 * `FFN(x) = (activation(x W_g) ⊙ x W₁) W₂`, for each position alone.
 *
 * Paper: Shazeer, GLU Variants Improve Transformer, 2020, https://arxiv.org/abs/2002.05202
 */
export class GatedFeedForward extends Module {
  readonly gate: Linear;
  readonly inner: Linear;
  readonly outer: Linear;
  /** Of the gate. */
  readonly activation: Activation;
  private readonly dropout: number;

  constructor(options: GatedFeedForwardOptions, context: ModuleContext) {
    super();
    const { dModel, dFf, bias = false } = options;
    const inner = linearOptions(bias, options.innerInitializer);
    this.gate = new Linear(dModel, dFf, context, inner);
    this.inner = new Linear(dModel, dFf, context, inner);
    this.outer = new Linear(dFf, dModel, context, linearOptions(bias, options.outerInitializer));
    this.activation = options.activation;
    this.dropout = options.dropout ?? 0;
  }

  /** `[B, T, C]` to `[B, T, C]` */
  forward(x: Tensor): Tensor {
    const p = this.training ? this.dropout : 0;
    const params = {
      activation: this.activation,
      p,
      key: p > 0 ? nextDropoutKey() : ([0, 0] as const),
      rounded: this.outer.roundsInput && !this.wants('hidden'),
    };
    const hidden = gate(this.gate.forward(x), this.inner.forward(x), params); // [B, T, F]
    return this.outer.forward(this.expose('hidden', hidden));
  }
}
