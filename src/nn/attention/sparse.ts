/**
 * Self-attention along a sparse graph: a window, global tokens and random ones, alone or together.
 *
 * `headᵢ = softmax over the keys of the pattern (Qᵢ Kᵢᵀ / √D) Vᵢ`
 *
 * Paper: Zaheer et al., Big Bird: Transformers for Longer Sequences, 2020, https://arxiv.org/abs/2007.14062
 */
import type { Tensor } from '../../core/tensor.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import { sparseAttention } from '../../ops/sparse-attention/index.ts';
import { denseMask, type SparsePattern } from '../../ops/sparse-attention/pattern.ts';
import type { ModuleContext } from '../module.ts';
import type { AttentionCall } from './call.ts';
import { refuseRelative } from './efficient.ts';
import { type Mask, mask as makeMask } from './masks.ts';
import { composedAttention, MultiHeadAttention, type MultiHeadAttentionOptions } from './multi-head.ts';
import type { Segments } from './packing.ts';
import { continuedPattern, type PatternOptions, paddedPattern, sparsePattern } from './patterns.ts';

/** Sizes of the layer, and what a token sees. */
export interface SparseAttentionLayerOptions extends MultiHeadAttentionOptions {
  readonly pattern: Omit<PatternOptions, 'causal'>;
}

/** Time and memory O(T · keys of a token): BigBird with all three parts of its pattern. */
export class SparseAttention extends MultiHeadAttention {
  private readonly pattern: Omit<PatternOptions, 'causal'>;
  /** The pattern of the last call: the same length comes again and again. */
  private last: { readonly of: Segments | string; readonly pattern: SparsePattern } | null = null;

  /** @throws {ConfigError} when the numbers of heads do not fit */
  constructor(options: SparseAttentionLayerOptions, context: ModuleContext) {
    super(options, context);
    this.pattern = options.pattern;
  }

  protected override context(call: AttentionCall): Tensor {
    refuseRelative('SparseAttention', call);
    const { query, memory, mask, options } = call;
    const { keys, values } = memory;
    const pattern = this.patternOf(call);
    if (this.wants('scores', 'weights')) return this.inTheOpen(call, pattern);
    if (pattern.queries === query.shape[1])
      return sparseAttention(query, keys, values, pattern, mask, options);
    // Each entry has a pattern of its own length: they stand in a row.
    const [batch, length] = query.shape as [number, number, number];
    const row = (x: Tensor): Tensor => reshape(x, [1, batch * length, x.shape[2]!]);
    const rowMask = mask!.view([1, 1, 1, batch * length]);
    const context = sparseAttention(row(query), row(keys), row(values), pattern, rowMask, options);
    return reshape(context, [batch, length, context.shape[2]!]);
  }

  /** Of the queries of a batch entry, or of all entries one after the other where padding tells them apart. */
  private patternOf({ query, mask, segments, options }: AttentionCall): SparsePattern {
    const { causal = false, causalOffset = 0 } = options;
    const length = query.shape[1]!;
    const own = { ...this.pattern, causal };
    const lengths = mask && !segments ? tokensOf(mask) : undefined;
    const of = segments ?? `${causalOffset} ${length} ${causal} ${lengths?.join() ?? ''}`;
    if (this.last?.of === of) return this.last.pattern;
    const pattern = segments
      ? sparsePattern(lengthsOf(segments), own)
      : lengths
        ? paddedPattern(lengths, length, own)
        : causalOffset > 0
          ? continuedPattern(causalOffset, length, own)
          : sparsePattern([length], own);
    this.last = { of, pattern };
    return pattern;
  }

  /** Dense attention with the pattern as a mask. */
  private inTheOpen(call: AttentionCall, pattern: SparsePattern): Tensor {
    const { query, memory, mask, options } = call;
    const [batch, T] = query.shape as [number, number, number];
    const S = options.keyLength ?? memory.keys.shape[1]!;
    const dense = denseMask(pattern.runs, pattern.ranges, pattern.keys);
    const isRow = pattern.queries !== T;
    const bits = Uint8Array.from({ length: batch * T * S }, (_, i) => {
      const [b, t, s] = [Math.floor(i / (T * S)), Math.floor(i / S) % T, i % S];
      const seen = isRow ? dense[(b * T + t) * batch * S + b * S + s]! : dense[t * S + s]!;
      return mask ? seen & visibleAt(mask, b, t, s) : seen;
    });
    const shown = makeMask(bits, [batch, 1, T, S], { device: query.device });
    return this.shown(composedAttention({ ...call, mask: shown }));
  }
}

function lengthsOf({ queries: { starts } }: Segments): number[] {
  return Array.from(starts.subarray(1), (end, i) => end - starts[i]!);
}

/** Tokens of each entry up to its last one that counts, by a mask `[B|1, 1, 1, S]`; undefined for other masks. */
function tokensOf({ shape, data }: Mask): number[] | undefined {
  const [batch = 0, heads, queries, keys = 0] = shape;
  if (heads !== 1 || queries !== 1) return undefined;
  return Array.from({ length: batch }, (_, b) => data.subarray(b * keys, (b + 1) * keys).lastIndexOf(1) + 1);
}

/** What a mask `[B|1, 1, T|1, S]` says of a pair. */
function visibleAt({ shape, data }: Mask, b: number, t: number, s: number): number {
  const [batch = 1, heads = 1, queries = 1, keys = 1] = shape;
  const row = (batch === 1 ? 0 : b) * heads * queries + (queries === 1 ? 0 : t);
  return data[row * keys + s]!;
}
