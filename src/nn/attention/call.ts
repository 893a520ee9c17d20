/** What a layer of multi-head attention is asked to compute, once everything is projected. */
import type { Tensor } from '../../core/tensor.ts';
import type { AttentionOptions } from '../../ops/attention/index.ts';
import type { RelativeScores } from '../../ops/attention/relative.ts';
import type { BatchStructure } from '../source-structure.ts';
import type { KeysAndValues } from './layer.ts';
import type { Mask } from './masks.ts';
import type { Segments } from './packing.ts';
import { Padded } from './padded.ts';

/** One call of attention: what meets what. */
export interface AttentionCall {
  /** `[B, T, H·D]` */
  readonly query: Tensor;
  readonly memory: KeysAndValues;
  readonly mask: Mask | null;
  /** The bounds of packed sequences, or null. */
  readonly segments: Segments | null;
  readonly options: AttentionOptions;
  readonly relative: RelativeScores | undefined;
  /** The trees of the sequences, where they have some. */
  readonly structure: BatchStructure | null;
}

/**
 * Packed sequences as padded rows, for what needs all scores of a sequence at once: no score of two sequences is made.
 *
 * @param attend - from a call without segments to contexts `[B, T, H·Dv]`
 * @returns the contexts of the call as it was
 */
export function inRectangle(call: AttentionCall, attend: (padded: AttentionCall) => Tensor): Tensor {
  const { segments, relative, memory, options } = call;
  if (!segments) return attend(call);
  const queries = new Padded(segments.queries);
  const keys = segments.keys === segments.queries ? queries : new Padded(segments.keys);
  const isPerQuery = relative?.table && (relative.perQuery ?? true);
  const context = attend({
    ...call,
    query: queries.unpack(call.query),
    memory: { keys: keys.unpack(memory.keys), values: keys.unpack(memory.values) },
    mask: keys.mask,
    segments: null,
    options: { ...options, segments: null },
    relative: isPerQuery ? { ...relative, table: queries.unpack(relative.table!) } : relative,
  });
  return queries.pack(context);
}
