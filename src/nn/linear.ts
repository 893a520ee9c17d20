/** The affine layer. */
import type { Tensor } from '../core/tensor.ts';
import { constant, type Initializer, xavierUniform } from './initializers.ts';
import { type ModuleContext, type Parameter, parameter } from './module.ts';
import { WeightModule } from './weight-module.ts';

/** Bias and initial values of a linear layer. */
export interface LinearOptions {
  readonly bias?: boolean;
  readonly initializer?: Initializer;
}

/** `y = x Wᵀ + b` with weight W `[out, in]` and bias `[out]`. */
export class Linear extends WeightModule {
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, context: ModuleContext, options: LinearOptions = {}) {
    super();
    this.weight = parameter([outFeatures, inFeatures], options.initializer ?? xavierUniform, context);
    this.bias = (options.bias ?? true) ? parameter([outFeatures], constant(0), context) : null;
  }

  /** `[..., in]` to `[..., out]` */
  forward(x: Tensor): Tensor {
    return this.multiply(x, this.bias);
  }
}
