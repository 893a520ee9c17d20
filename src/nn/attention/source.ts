/**
 * Attention of a recurrent decoder to the states of its encoder: score every source state, softmax, weighted sum.
 *
 * Papers: Bahdanau, Cho & Bengio 2014, https://arxiv.org/abs/1409.0473 (additive); Luong, Pham & Manning 2015,
 * https://arxiv.org/abs/1508.04025 (dot and general).
 */
import type { Tensor } from '../../core/tensor.ts';
import { additiveAttention, additiveAttentionParts } from '../../ops/additive-attention/index.ts';
import { attention, attentionParams } from '../../ops/attention/index.ts';
import { attentionParts } from '../../ops/attention/reference.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import { uniform } from '../initializers.ts';
import { Linear } from '../linear.ts';
import { Module, type ModuleContext, type Parameter, parameter } from '../module.ts';
import { type Choice, variant } from '../variants.ts';
import { Segments, type Visible } from './packing.ts';

/** What a decoder looks at: computed once for each source. */
export interface SourceMemory {
  /** `[B, S, A]` */
  readonly keys: Tensor;
  /** `[B, S, E]` */
  readonly values: Tensor;
}

/** Widths of the attention of a recurrent decoder. */
export interface SourceAttentionOptions {
  /** Of the decoder's states. */
  readonly queryWidth: number;
  /** E, of the encoder's states. */
  readonly memoryWidth: number;
}

/** How well a decoder state matches each encoder state, and the average that follows. */
export abstract class SourceAttention extends Module {
  /** Prepares encoder states `[B, S, E]`. */
  abstract project(memory: Tensor): SourceMemory;

  /**
   * @param query - decoder states `[B, T, C]`
   * @param visible - mask `[B, 1, 1, S]`, the bounds of packed sequences, or null
   * @returns contexts `[B, T, E]`
   */
  abstract attendTo(query: Tensor, memory: SourceMemory, visible: Visible): Tensor;
}

function split(visible: Visible) {
  const segments = visible instanceof Segments ? visible.tensor : null;
  return { segments, mask: visible instanceof Segments ? null : visible };
}

/** `score(s, h) = vᵀ tanh(W s + U h)`. Paper: Bahdanau et al. 2014, §A.1.2. */
export class BahdanauAttention extends SourceAttention {
  readonly query: Linear;
  readonly key: Linear;
  /** v */
  readonly vector: Parameter;

  constructor({ queryWidth, memoryWidth }: SourceAttentionOptions, context: ModuleContext) {
    super();
    this.query = new Linear(queryWidth, queryWidth, context);
    this.key = new Linear(memoryWidth, queryWidth, context, { bias: false });
    this.vector = parameter([queryWidth], uniform(1 / Math.sqrt(queryWidth)), context);
  }

  override project(memory: Tensor): SourceMemory {
    return { keys: this.key.forward(memory), values: memory };
  }

  override attendTo(query: Tensor, { keys, values }: SourceMemory, visible: Visible): Tensor {
    const own = this.query.forward(query);
    if (!this.wants('weights')) return additiveAttention(own, keys, values, this.vector, split(visible));
    const { weights, output } = additiveAttentionParts(own, keys, values, this.vector, split(visible));
    this.expose('weights', reshape(weights, [1, 1, ...weights.shape]));
    return output;
  }
}

/** `score(s, h) = s · h`, or with a matrix between them `sᵀ W h`. Paper: Luong et al. 2015, §3.1. */
export class LuongAttention extends SourceAttention {
  /** W; null for the dot score, whose sides have one width. */
  readonly key: Linear | null;

  constructor(
    { queryWidth, memoryWidth }: SourceAttentionOptions,
    context: ModuleContext,
    { score = 'general' }: { readonly score?: 'dot' | 'general' } = {},
  ) {
    super();
    this.key = score === 'general' ? new Linear(memoryWidth, queryWidth, context, { bias: false }) : null;
  }

  override project(memory: Tensor): SourceMemory {
    return { keys: this.key ? this.key.forward(memory) : memory, values: memory };
  }

  override attendTo(query: Tensor, { keys, values }: SourceMemory, visible: Visible): Tensor {
    const { segments, mask } = split(visible);
    const options = { numHeads: 1, scale: 1, segments };
    if (!this.wants('weights')) return attention(query, keys, values, mask, options);
    const parts = attentionParts(query, keys, values, mask, attentionParams(query, keys, options), segments);
    this.expose('weights', parts.weights);
    return parts.output;
  }
}

type Args = readonly [options: SourceAttentionOptions, context: ModuleContext];

/** How a recurrent decoder looks at its source, by name. */
export const sourceAttentions = {
  /** Not at all. */
  none: variant<Record<never, never>, Args, SourceAttention | null>({}, () => null),
  bahdanau: variant({}, (_, ...args: Args): SourceAttention | null => new BahdanauAttention(...args)),
  luong: variant(
    { score: { type: 'choice', of: ['general', 'dot'], default: 'general' } },
    ({ score }, ...args: Args): SourceAttention | null => new LuongAttention(...args, { score }),
  ),
} as const;

/** A kind of attention of a recurrent decoder: its name, or a group with options. */
export type SourceAttentionKind = Choice<typeof sourceAttentions>;
