/** What a norm of a residual connection does. */
import type { Tensor } from '../../core/tensor.ts';
import type { Visible } from '../attention/packing.ts';
import { Module } from '../module.ts';

/** Brings vectors `[B, T, C]` to a common size. */
export abstract class Norm extends Module {
  /** @param visible - which rows are tokens, or where sequences end, for norms that look at more than one vector */
  abstract forward(x: Tensor, visible?: Visible): Tensor;
}

/** What a norm is made for. */
export interface NormSizes {
  readonly width: number;
  readonly eps: number;
  /** A token must not see those after it, as in a decoder; false by default. */
  readonly causal?: boolean;
}
