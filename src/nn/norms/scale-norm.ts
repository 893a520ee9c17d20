/** Normalisation to a single learned length. */
import type { Tensor } from '../../core/tensor.ts';
import { mul } from '../../ops/elementwise/binary.ts';
import { scale } from '../../ops/elementwise/scale.ts';
import { rmsNorm } from '../../ops/rms-norm/index.ts';
import { constant } from '../initializers.ts';
import { type ModuleContext, type Parameter, parameter } from '../module.ts';
import { Norm } from './norm.ts';

/**
 * `y = g x / √(‖x‖² + C eps)`: every vector gets the length g, which is learned and starts at √C.
 *
 * Paper: Nguyen & Salazar, Transformers without Tears, 2019, https://arxiv.org/abs/1910.05895
 */
export class ScaleNorm extends Norm {
  /** The length g, `[1]`. */
  readonly gain: Parameter;
  readonly eps: number;
  private readonly width: number;

  constructor(width: number, context: ModuleContext, eps = 1e-5) {
    super();
    this.gain = parameter([1], constant(Math.sqrt(width)), context);
    this.eps = eps;
    this.width = width;
  }

  forward(x: Tensor): Tensor {
    const perChannel = scale(this.gain, 1 / Math.sqrt(this.width));
    return mul(rmsNorm(x, null, this.eps), perChannel);
  }
}
