/**
 * Attention that reads the source once, from left to right.
 *
 * The weights are the expectation over all paths; decoding goes on from the expectation of the step before. `stop`
 * decides instead: at the first place whose probability is at least one half.
 *
 * Paper: Raffel et al., Online and Linear-Time Attention by Enforcing Monotonic Alignments, 2017,
 * https://arxiv.org/abs/1704.00784
 */
import { Random } from '../../core/random.ts';
import { type Tensor, tensor } from '../../core/tensor.ts';
import { additiveScores } from '../../ops/additive-attention/scores.ts';
import { add } from '../../ops/elementwise/binary.ts';
import { sigmoid } from '../../ops/elementwise/unary.ts';
import { matmul } from '../../ops/matmul/index.ts';
import { continuedAlignment, monotonicAlignment } from '../../ops/monotonic-alignment/index.ts';
import { keepWhere } from '../../ops/where/index.ts';
import { nextDropoutKey } from '../dropout-keys.ts';
import { constant, uniform } from '../initializers.ts';
import { Linear } from '../linear.ts';
import { type ModuleContext, type Parameter, parameter } from '../module.ts';
import type { Guidance } from './guided.ts';
import type { Mask } from './masks.ts';
import { type Aligned, SourceAttention, type SourceAttentionOptions, type SourceMemory } from './source.ts';

/** First value of the score's offset: it starts by going on. */
const firstOffset = -1;

/** `α = monotonicAlignment(σ(score))` with `score(s, h) = vᵀ tanh(W s + U h) + r`. */
export class MonotonicAttention extends SourceAttention {
  readonly query: Linear;
  readonly key: Linear;
  /** v */
  readonly vector: Parameter;
  /** r */
  readonly offset: Parameter;
  /** Standard deviation of the noise on the scores in training, which teaches the model to decide. */
  private readonly noise: number;

  constructor(
    { queryWidth, memoryWidth }: SourceAttentionOptions,
    context: ModuleContext,
    { noise = 0, ...guidance }: Guidance & { readonly noise?: number } = {},
  ) {
    super(guidance);
    this.noise = noise;
    this.query = new Linear(queryWidth, queryWidth, context);
    this.key = new Linear(memoryWidth, queryWidth, context, { bias: false });
    this.vector = parameter([queryWidth], uniform(1 / Math.sqrt(queryWidth)), context);
    this.offset = parameter([1], constant(firstOffset), context);
  }

  /**
   * All steps at once.
   *
   * @param states - decoder states `[B, T, C]`
   * @param memory - encoder states `[B, S, E]`
   * @param mask - `[B, 1, S]`, true for tokens, or null
   * @param noise - in training: normal noise on the scores, which teaches the model to decide
   * @returns contexts `[B, T, E]` and weights `[B, T, S]`
   */
  forward(states: Tensor, memory: Tensor, mask: Mask | null = null, noise: Random | null = null) {
    const stops = this.stops(states, this.project(memory), mask, noise, 1);
    const weights = monotonicAlignment(stops);
    return { context: matmul(weights, memory), weights };
  }

  override get remembers(): boolean {
    return true;
  }

  override project(memory: Tensor): SourceMemory {
    return { keys: this.key.forward(memory), values: memory };
  }

  override align(query: Tensor, memory: SourceMemory, mask: Mask | null, before: Tensor | null): Aligned {
    const isNoisy = this.training && this.noise > 0;
    const noise = isNoisy ? new Random(nextDropoutKey()[0], 'monotonic-attention') : null;
    const stops = this.stops(query, memory, mask, noise, this.noise);
    const weights = before ? continuedAlignment(stops, before) : monotonicAlignment(stops);
    return { contexts: matmul(weights, memory.values), weights };
  }

  /** Probability of stopping at each place when it comes by, `[B, T, S]`. */
  private stops(
    states: Tensor,
    memory: SourceMemory,
    mask: Mask | null,
    noise: Random | null,
    deviation: number,
  ): Tensor {
    const scores = this.scores(states, memory);
    const added = noise ? add(scores, normalNoise(scores, noise, deviation)) : scores;
    return sigmoid(mask ? keepWhere(added, mask, Number.NEGATIVE_INFINITY) : added);
  }

  /**
   * One step of decoding, for one text.
   *
   * @param state - `[1, 1, C]`
   * @param memory - `[1, S, E]`
   * @param from - where the step before stopped; 0 at first
   * @returns the place where it stops; S when it runs off the end and sees nothing
   */
  stop(state: Tensor, memory: Tensor, from: number): number {
    const { data } = this.scores(state, this.project(memory));
    for (let s = from; s < data.length; s++) if (data[s]! >= 0) return s; // σ(score) ≥ ½
    return data.length;
  }

  private scores(states: Tensor, { keys }: SourceMemory): Tensor {
    const all = additiveScores(this.query.forward(states), keys, this.vector);
    return add(all, this.offset);
  }
}

function normalNoise(like: Tensor, random: Random, deviation: number): Tensor {
  const values = Float64Array.from({ length: like.size }, () => deviation * random.normal());
  return tensor(values, like.shape, { device: like.device });
}
