/**
 * How a recurrent decoder looks at its source, by name: additive, by products, only forwards, or with a sense of where
 * it was.
 *
 * Papers: Bahdanau, Cho & Bengio 2014, https://arxiv.org/abs/1409.0473 (additive); Luong, Pham & Manning 2015,
 * https://arxiv.org/abs/1508.04025 (dot and general).
 */
import type { Tensor } from '../../core/tensor.ts';
import { expectName } from '../../errors.ts';
import { additiveAttention } from '../../ops/additive-attention/index.ts';
import { additiveScores } from '../../ops/additive-attention/scores.ts';
import { attention } from '../../ops/attention/index.ts';
import { matmul } from '../../ops/matmul/index.ts';
import { softmax } from '../../ops/softmax/index.ts';
import { keepWhere } from '../../ops/where/index.ts';
import { uniform } from '../initializers.ts';
import { Linear } from '../linear.ts';
import { type ModuleContext, type Parameter, parameter } from '../module.ts';
import { type Choice, variant } from '../variants.ts';
import { type Guidance, guidanceClash, guidanceRules } from './guided.ts';
import { LocationAwareAttention } from './location-aware.ts';
import type { Mask } from './masks.ts';
import { MonotonicAttention } from './monotonic.ts';
import { Segments, type Visible } from './packing.ts';
import { type Aligned, SourceAttention, type SourceAttentionOptions, type SourceMemory } from './source.ts';

function split(visible: Visible) {
  const segments = visible instanceof Segments ? visible.tensor : null;
  return { segments, mask: visible instanceof Segments ? null : visible };
}

/** Softmax of scores `[B, T, S]` and the weighted sums of the values. */
function weighed(scores: Tensor, values: Tensor, mask: Mask | null): Aligned {
  const weights = softmax(mask ? keepWhere(scores, mask, Number.NEGATIVE_INFINITY) : scores);
  return { contexts: matmul(weights, values), weights };
}

/** `score(s, h) = vᵀ tanh(W s + U h)`. Paper: Bahdanau et al. 2014, §A.1.2. */
export class BahdanauAttention extends SourceAttention {
  readonly query: Linear;
  readonly key: Linear;
  /** v */
  readonly vector: Parameter;

  constructor(
    { queryWidth, memoryWidth }: SourceAttentionOptions,
    context: ModuleContext,
    guidance: Guidance = {},
  ) {
    super(guidance);
    this.query = new Linear(queryWidth, queryWidth, context);
    this.key = new Linear(memoryWidth, queryWidth, context, { bias: false });
    this.vector = parameter([queryWidth], uniform(1 / Math.sqrt(queryWidth)), context);
  }

  override project(memory: Tensor): SourceMemory {
    return { keys: this.key.forward(memory), values: memory };
  }

  override align(query: Tensor, { keys, values }: SourceMemory, mask: Mask | null): Aligned {
    return weighed(additiveScores(this.query.forward(query), keys, this.vector), values, mask);
  }

  override attendTo(query: Tensor, memory: SourceMemory, visible: Visible): Tensor {
    if (!this.isHidden) return super.attendTo(query, memory, visible);
    const { keys, values } = memory;
    return additiveAttention(this.query.forward(query), keys, values, this.vector, split(visible));
  }
}

/** `score(s, h) = s · h`, or with a matrix between them `sᵀ W h`. Paper: Luong et al. 2015, §3.1. */
export class LuongAttention extends SourceAttention {
  /** W; null for the dot score, whose sides have one width. */
  readonly key: Linear | null;

  constructor(
    { queryWidth, memoryWidth }: SourceAttentionOptions,
    context: ModuleContext,
    { score = 'general', ...guidance }: Guidance & { readonly score?: 'dot' | 'general' } = {},
  ) {
    super(guidance);
    expectName('LuongAttention: score', score, ['dot', 'general']);
    this.key = score === 'general' ? new Linear(memoryWidth, queryWidth, context, { bias: false }) : null;
  }

  override project(memory: Tensor): SourceMemory {
    return { keys: this.key ? this.key.forward(memory) : memory, values: memory };
  }

  override align(query: Tensor, { keys, values }: SourceMemory, mask: Mask | null): Aligned {
    return weighed(matmul(query, keys, { transposeB: true }), values, mask);
  }

  override attendTo(query: Tensor, memory: SourceMemory, visible: Visible): Tensor {
    if (!this.isHidden) return super.attendTo(query, memory, visible);
    const { segments, mask } = split(visible);
    return attention(query, memory.keys, memory.values, mask, { numHeads: 1, scale: 1, segments });
  }
}

type Args = readonly [options: SourceAttentionOptions, context: ModuleContext];

/** How a recurrent decoder looks at its source, by name. */
export const sourceAttentions = {
  /** Not at all. */
  none: variant<Record<never, never>, Args, SourceAttention | null>({}, () => null),
  bahdanau: variant(
    guidanceRules,
    (options, ...args: Args): SourceAttention | null => new BahdanauAttention(...args, options),
    guidanceClash,
  ),
  luong: variant(
    { score: { type: 'choice', of: ['general', 'dot'], default: 'general' }, ...guidanceRules },
    (options, ...args: Args): SourceAttention | null => new LuongAttention(...args, options),
    guidanceClash,
  ),
  monotonic: variant(
    { noise: { type: 'number', default: 1 }, ...guidanceRules },
    (options, ...args: Args): SourceAttention | null => new MonotonicAttention(...args, options),
    guidanceClash,
  ),
  'location-aware': variant(
    {
      filters: { type: 'count', default: 8 },
      taps: { type: 'count', default: 11 },
      ...guidanceRules,
    },
    (options, widths: SourceAttentionOptions, context: ModuleContext): SourceAttention | null =>
      new LocationAwareAttention({ ...widths, ...options }, context),
    guidanceClash,
  ),
} as const;

/** A kind of attention of a recurrent decoder: its name, or a group with options. */
export type SourceAttentionKind = Choice<typeof sourceAttentions>;
