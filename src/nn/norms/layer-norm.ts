/** Layer normalisation with its learned gain and bias. */
import type { Tensor } from '../../core/tensor.ts';
import type { DropoutParams } from '../../ops/dropout/index.ts';
import { dropoutResidualNorm } from '../../ops/dropout-residual-norm/index.ts';
import { layerNorm } from '../../ops/layer-norm/index.ts';
import { constant } from '../initializers.ts';
import { type ModuleContext, type Parameter, parameter } from '../module.ts';
import { Norm } from './norm.ts';

/** `y = (x − μ)/√(σ² + eps) · weight + bias` over the last axis. Paper: Ba, Kiros & Hinton 2016. */
export class LayerNorm extends Norm {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly eps: number;

  constructor(width: number, context: ModuleContext, eps = 1e-5) {
    super();
    this.weight = parameter([width], constant(1), context);
    this.bias = parameter([width], constant(0), context);
    this.eps = eps;
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight, this.bias, this.eps);
  }

  override afterDropout(x: Tensor, residual: Tensor, dropout: DropoutParams): Tensor {
    // Without dropout both inputs have one gradient, which single ops share instead of writing it twice.
    if (dropout.p === 0) return super.afterDropout(x, residual, dropout);
    return dropoutResidualNorm(x, residual, this.weight, this.bias, { ...dropout, eps: this.eps });
  }
}
