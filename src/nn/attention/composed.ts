/** Multi-head attention whose scores or weights are made in plain ops: what mechanisms without a kernel extend. */
import type { Tensor } from '../../core/tensor.ts';
import type { AttentionHooks } from '../../ops/attention/reference.ts';
import { type AttentionCall, composedAttention, MultiHeadAttention } from './multi-head.ts';
import { Padded } from './padded.ts';

/** Packed sequences are padded for it, so that no score of two sequences is ever made. */
export abstract class ComposedAttention extends MultiHeadAttention {
  /** Where the mechanism differs from scaled dot products and softmax. */
  protected abstract get hooks(): AttentionHooks;

  protected override context(call: AttentionCall): Tensor {
    const { segments } = call;
    if (!segments) return this.shown(composedAttention(call, this.hooks));
    const queries = new Padded(segments.queries);
    const keys = segments.keys === segments.queries ? queries : new Padded(segments.keys);
    const { relative, memory, options } = call;
    const isPerQuery = relative?.table && (relative.perQuery ?? true);
    const padded: AttentionCall = {
      query: queries.unpack(call.query),
      memory: { keys: keys.unpack(memory.keys), values: keys.unpack(memory.values) },
      mask: keys.mask,
      segments: null,
      options: { ...options, segments: null },
      relative: isPerQuery ? { ...relative, table: queries.unpack(relative.table!) } : relative,
    };
    return queries.pack(this.shown(composedAttention(padded, this.hooks)));
  }
}
