/**
 * Attention that reads the source once, from left to right.
 *
 * In training the weights are the expectation over all paths; in decoding it stops at the first place whose
 * probability is at least one half, so that each step goes on where the one before stopped.
 *
 * Paper: Raffel et al., Online and Linear-Time Attention by Enforcing Monotonic Alignments, 2017,
 * https://arxiv.org/abs/1704.00784
 */
import type { Random } from '../../core/random.ts';
import { type Tensor, tensor } from '../../core/tensor.ts';
import { additiveScores } from '../../ops/additive-attention/scores.ts';
import { add } from '../../ops/elementwise/binary.ts';
import { sigmoid } from '../../ops/elementwise/unary.ts';
import { matmul } from '../../ops/matmul/index.ts';
import { monotonicAlignment } from '../../ops/monotonic-alignment/index.ts';
import { keepWhere } from '../../ops/where/index.ts';
import { constant, uniform } from '../initializers.ts';
import { Linear } from '../linear.ts';
import { Module, type ModuleContext, type Parameter, parameter } from '../module.ts';
import type { Mask } from './masks.ts';
import type { SourceAttentionOptions } from './source.ts';

/** First value of the score's offset: it starts by going on. */
const firstOffset = -1;

/** `α = monotonicAlignment(σ(score))` with `score(s, h) = vᵀ tanh(W s + U h) + r`. */
export class MonotonicAttention extends Module {
  readonly query: Linear;
  readonly key: Linear;
  /** v */
  readonly vector: Parameter;
  /** r */
  readonly offset: Parameter;

  constructor({ queryWidth, memoryWidth }: SourceAttentionOptions, context: ModuleContext) {
    super();
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
    const scores = this.scores(states, memory);
    const added = noise ? add(scores, normalNoise(scores, noise)) : scores;
    const stops = sigmoid(mask ? keepWhere(added, mask, Number.NEGATIVE_INFINITY) : added);
    const weights = this.expose('weights', monotonicAlignment(stops));
    return { context: matmul(weights, memory), weights };
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
    const { data } = this.scores(state, memory);
    for (let s = from; s < data.length; s++) if (data[s]! >= 0) return s; // σ(score) ≥ ½
    return data.length;
  }

  private scores(states: Tensor, memory: Tensor): Tensor {
    const all = additiveScores(this.query.forward(states), this.key.forward(memory), this.vector);
    return add(all, this.offset);
  }
}

function normalNoise(like: Tensor, random: Random): Tensor {
  const values = Float64Array.from({ length: like.size }, () => random.normal());
  return tensor(values, like.shape, { device: like.device });
}
