/** What a norm of a residual connection does. */
import type { Tensor } from '../../core/tensor.ts';
import type { DropoutParams } from '../../ops/dropout/index.ts';
import { dropoutResidual } from '../../ops/dropout-residual/index.ts';
import type { Visible } from '../attention/packing.ts';
import { Module } from '../module.ts';

/** Brings vectors `[B, T, C]` to a common size. */
export abstract class Norm extends Module {
  /** @param visible - which rows are tokens, or where sequences end, for norms that look at more than one vector */
  abstract forward(x: Tensor, visible?: Visible): Tensor;

  /** `norm(residual + dropout(x))`, the end of a sublayer whose norm comes last. */
  afterDropout(x: Tensor, residual: Tensor, dropout: DropoutParams, visible?: Visible): Tensor {
    return this.forward(dropoutResidual(x, null, residual, dropout), visible);
  }
}

/** What a norm is made for. */
export interface NormSizes {
  readonly width: number;
  readonly eps: number;
  /** A token must not see those after it, as in a decoder; false by default. */
  readonly causal?: boolean;
}
