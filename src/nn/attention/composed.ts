/** Multi-head attention whose scores or weights are made in plain ops: what mechanisms without a kernel extend. */
import type { Tensor } from '../../core/tensor.ts';
import type { AttentionHooks } from '../../ops/attention/reference.ts';
import { type AttentionCall, inRectangle } from './call.ts';
import { composedAttention, MultiHeadAttention } from './multi-head.ts';

/** Packed sequences are padded for it, so that no score of two sequences is ever made. */
export abstract class ComposedAttention extends MultiHeadAttention {
  /** Where the mechanism differs from scaled dot products and softmax. */
  protected abstract get hooks(): AttentionHooks;

  protected override context(call: AttentionCall): Tensor {
    return inRectangle(call, (padded) => this.shown(composedAttention(padded, this.hooks), call.segments));
  }
}
