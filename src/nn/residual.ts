/** Dropout, and the residual connection around a sublayer with its norm before or after. */
import type { Tensor } from '../core/tensor.ts';
import { dropout } from '../ops/dropout/index.ts';
import { dropoutResidual } from '../ops/dropout-residual/index.ts';
import type { Visible } from './attention/packing.ts';
import { nextDropoutKey } from './dropout-keys.ts';
import { Module, type ModuleContext } from './module.ts';
import { makeNorm, type Norm, type NormChoice } from './norms/index.ts';

/** Norm after the addition (the paper), or before the sublayer. */
export type NormPlacement = 'post' | 'pre';

/** Zeroes elements in training, does nothing in evaluation. Paper: Srivastava et al. 2014. */
export class Dropout extends Module {
  readonly p: number;

  constructor(p: number) {
    super();
    this.p = p;
  }

  forward(x: Tensor): Tensor {
    return this.training && this.p > 0 ? dropout(x, { p: this.p, key: nextDropoutKey() }) : x;
  }
}

export interface ResidualOptions {
  readonly dModel: number;
  readonly placement: NormPlacement;
  readonly dropout: number;
  /** `layer` by default. */
  readonly norm?: NormChoice;
  readonly normEps: number;
}

/**
 * Post-norm `LayerNorm(x + Dropout(sublayer(x)))`, as in Vaswani et al. 2017; or
 * pre-norm `x + Dropout(sublayer(LayerNorm(x)))`, as in Xiong et al. 2020, https://arxiv.org/abs/2002.04745
 */
export class Residual extends Module {
  readonly norm: Norm;
  private readonly placement: NormPlacement;
  private readonly dropout: number;

  constructor(
    { dModel, placement, dropout, norm = 'layer', normEps }: ResidualOptions,
    context: ModuleContext,
  ) {
    super();
    this.norm = makeNorm(norm, { width: dModel, eps: normEps }, context);
    this.placement = placement;
    this.dropout = dropout;
  }

  /** @param visible - what the sublayer's masks say of the rows of `x`, for norms that look at more than one vector */
  forward(x: Tensor, sublayer: (input: Tensor) => Tensor, visible: Visible = null): Tensor {
    const p = this.training ? this.dropout : 0;
    const params = { p, key: p > 0 ? nextDropoutKey() : ([0, 0] as const) };
    const inner = this.placement === 'pre' ? this.norm.forward(x, visible) : x;
    const sum = dropoutResidual(this.expose('sublayer', sublayer(inner)), null, x, params);
    return this.expose('output', this.placement === 'pre' ? sum : this.norm.forward(sum, visible));
  }
}
