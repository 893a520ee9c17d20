/** Layer normalisation with its learned gain and bias. */
import type { Tensor } from '../../core/tensor.ts';
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
}
