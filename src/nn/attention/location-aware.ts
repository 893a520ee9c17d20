/**
 * Additive attention that knows where it looked before: features of the last weights join the score.
 *
 * Paper: Chorowski et al., Attention-Based Models for Speech Recognition, 2015, https://arxiv.org/abs/1506.07503
 */
import { type Tensor, tensor } from '../../core/tensor.ts';
import { additiveScores } from '../../ops/additive-attention/scores.ts';
import { add } from '../../ops/elementwise/binary.ts';
import { matmul } from '../../ops/matmul/index.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import { concat, slice } from '../../ops/shape/slice.ts';
import { softmax } from '../../ops/softmax/index.ts';
import { keepWhere } from '../../ops/where/index.ts';
import { Conv1d } from '../convolution/conv1d.ts';
import { uniform } from '../initializers.ts';
import { Linear } from '../linear.ts';
import { type ModuleContext, type Parameter, parameter } from '../module.ts';
import type { Guidance } from './guided.ts';
import { asMask, type Mask } from './masks.ts';
import { type Aligned, SourceAttention, type SourceAttentionOptions, type SourceMemory } from './source.ts';

/** Sizes of location-aware attention. */
export interface LocationAwareOptions extends SourceAttentionOptions, Guidance {
  /** Features of the last weights at each place. Default 8. */
  readonly filters?: number;
  /** Places that a feature sees. Default 11. */
  readonly taps?: number;
}

/** `score(s, h_j) = vᵀ tanh(W s + V h_j + U f_j)` with `f = F ∗ α_{t−1}`, step by step. */
export class LocationAwareAttention extends SourceAttention {
  readonly query: Linear;
  readonly key: Linear;
  /** F */
  readonly location: Conv1d;
  /** U */
  readonly feature: Linear;
  /** v */
  readonly vector: Parameter;

  constructor(options: LocationAwareOptions, context: ModuleContext) {
    super(options);
    const { queryWidth, memoryWidth, filters = 8, taps = 11 } = options;
    this.query = new Linear(queryWidth, queryWidth, context);
    this.key = new Linear(memoryWidth, queryWidth, context, { bias: false });
    this.location = new Conv1d({ inputWidth: 1, outputWidth: filters, taps, bias: false }, context);
    this.feature = new Linear(filters, queryWidth, context, { bias: false });
    this.vector = parameter([queryWidth], uniform(1 / Math.sqrt(queryWidth)), context);
  }

  override get remembers(): boolean {
    return true;
  }

  override project(memory: Tensor): SourceMemory {
    return { keys: this.key.forward(memory), values: memory };
  }

  /** The weights before the first step: all on the first place, `[B, S]`. */
  start({ keys }: SourceMemory): Tensor {
    const [batch, length] = keys.shape as [number, number, number];
    const values = Float64Array.from({ length: batch * length }, (_, i) => Number(i % length === 0));
    return tensor(values, [batch, length], { device: keys.device });
  }

  /**
   * One step.
   *
   * @param state - decoder state `[B, C]`
   * @param before - weights of the step before, `[B, S]`
   * @param mask - `[B, S]`, true where a key may be attended to, or null
   * @returns the context `[B, E]` and the weights `[B, S]`
   */
  step(state: Tensor, { keys, values }: SourceMemory, before: Tensor, mask: Mask | null = null) {
    const [batch, length, width] = keys.shape as [number, number, number];
    const features = this.location.forward(reshape(before, [batch, length, 1])); // [B, S, filters]
    const places = add(keys, this.feature.forward(features));
    const query = reshape(this.query.forward(state), [batch, 1, width]);
    const scores = reshape(additiveScores(query, places, this.vector), [batch, length]);
    const weights = softmax(mask ? keepWhere(scores, mask, Number.NEGATIVE_INFINITY) : scores);
    const context = matmul(reshape(weights, [batch, 1, length]), values);
    return { context: reshape(context, [batch, values.shape[2]!]), weights };
  }

  /** Step by step: no step can begin before the weights of the one before it are there. */
  override align(query: Tensor, memory: SourceMemory, mask: Mask | null, before: Tensor | null): Aligned {
    const [batch, T, width] = query.shape as [number, number, number];
    const S = memory.keys.shape[1]!;
    const visible = mask && asMask(mask.view([batch, S]));
    let last = before ?? this.start(memory);
    const steps = Array.from({ length: T }, (_, t) => {
      const state = reshape(slice(query, 1, t, t + 1), [batch, width]);
      const { context, weights } = this.step(state, memory, last, visible);
      last = weights;
      return {
        context: reshape(context, [batch, 1, context.shape[1]!]),
        weights: reshape(weights, [batch, 1, S]),
      };
    });
    const joined = (part: 'context' | 'weights'): Tensor =>
      concat(
        steps.map((step) => step[part]),
        1,
      );
    return { contexts: joined('context'), weights: joined('weights') };
  }
}
