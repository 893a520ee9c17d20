/** Root-mean-square normalisation with its learned gain. */
import type { Tensor } from '../../core/tensor.ts';
import { rmsNorm } from '../../ops/rms-norm/index.ts';
import { constant } from '../initializers.ts';
import { type ModuleContext, type Parameter, parameter } from '../module.ts';
import { Norm } from './norm.ts';

/** `y = x / √(mean(x²) + eps) · weight` over the last axis. Paper: Zhang & Sennrich 2019, https://arxiv.org/abs/1910.07467 */
export class RmsNorm extends Norm {
  readonly weight: Parameter;
  readonly eps: number;

  constructor(width: number, context: ModuleContext, eps = 1e-5) {
    super();
    this.weight = parameter([width], constant(1), context);
    this.eps = eps;
  }

  forward(x: Tensor): Tensor {
    return rmsNorm(x, this.weight, this.eps);
  }
}
