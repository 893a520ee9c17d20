/**
 * Self-attention along a sparse graph: a window, global tokens and random ones, alone or together.
 *
 * `headᵢ = softmax over the keys of the pattern (Qᵢ Kᵢᵀ / √D) Vᵢ`
 *
 * Paper: Zaheer et al., Big Bird: Transformers for Longer Sequences, 2020, https://arxiv.org/abs/2007.14062
 */
import type { Tensor } from '../../core/tensor.ts';
import { sparseAttention, sparseParts } from '../../ops/sparse-attention/index.ts';
import type { SparsePattern } from '../../ops/sparse-attention/pattern.ts';
import type { ModuleContext } from '../module.ts';
import { refuseRelative } from './efficient.ts';
import { type AttentionCall, MultiHeadAttention, type MultiHeadAttentionOptions } from './multi-head.ts';
import type { Segments } from './packing.ts';
import { continuedPattern, type PatternOptions, sparsePattern } from './patterns.ts';

/** Sizes of the layer, and what a token sees. */
export interface SparseAttentionLayerOptions extends MultiHeadAttentionOptions {
  readonly pattern: Omit<PatternOptions, 'causal'>;
}

/** Time and memory O(T · keys of a token): BigBird with all three parts of its pattern. */
export class SparseAttention extends MultiHeadAttention {
  private readonly pattern: Omit<PatternOptions, 'causal'>;
  /** The pattern of the last call: the same batch comes to forward and gradient, the same length again and again. */
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
    if (this.wants('scores', 'weights')) {
      return this.shown(sparseParts(query, keys, values, pattern, mask, options));
    }
    return sparseAttention(query, keys, values, pattern, mask, options);
  }

  private patternOf({ query, segments, options }: AttentionCall): SparsePattern {
    const { causal = false, causalOffset = 0 } = options;
    const length = query.shape[1]!;
    const of = segments ?? `${causalOffset} ${length} ${causal}`;
    if (this.last?.of === of) return this.last.pattern;
    const { starts } = segments?.queries ?? { starts: [0, length] };
    const lengths = Array.from(starts.slice(1), (end, i) => end - starts[i]!);
    const pattern =
      causalOffset > 0
        ? continuedPattern(causalOffset, length, this.pattern)
        : sparsePattern(lengths, { ...this.pattern, causal });
    this.last = { of, pattern };
    return pattern;
  }
}
