/**
 * Attention as lookup, with the score function and the distribution function as parameters.
 *
 * `output_t = Σ_s weight_ts value_s`, `weight_t = distribution(score(query_t, key_1), …, score(query_t, key_S))`
 *
 * Papers: Bahdanau, Cho & Bengio 2014, https://arxiv.org/abs/1409.0473; Luong et al. 2015,
 * https://arxiv.org/abs/1508.04025; Vaswani et al. 2017, §3.2.1; Galassi, Lippi & Torroni, Attention in Natural Language
 * Processing, 2019, §3, https://arxiv.org/abs/1902.02181 (scores and distribution apart).
 */
import type { Tensor } from '../../core/tensor.ts';
import { ConfigError, suggest } from '../../errors.ts';
import { additiveScores } from '../../ops/additive-attention/scores.ts';
import { mul } from '../../ops/elementwise/binary.ts';
import { scale } from '../../ops/elementwise/scale.ts';
import { linear } from '../../ops/linear/index.ts';
import { matmul } from '../../ops/matmul/index.ts';
import { softmax } from '../../ops/softmax/index.ts';
import { keepWhere } from '../../ops/where/index.ts';
import { type HardEstimator, hardEstimators, hardWeights } from './hard-weights.ts';
import type { Mask } from './masks.ts';

/** Scores of every query with every key: `[B, T, D]` and `[B, S, D]` to `[B, T, S]`. */
export type ScoreFunction = (query: Tensor, keys: Tensor) => Tensor;

/** `q · k` */
export const dotScore: ScoreFunction = (query, keys) => matmul(query, keys, { transposeB: true });

/** `q · k / √D` */
export const scaledDotScore: ScoreFunction = (query, keys) =>
  scale(dotScore(query, keys), 1 / Math.sqrt(query.shape.at(-1)!));

/**
 * `g · q · k` with a learned factor.
 *
 * @param gain - g, one number: `[1]`
 */
export function learnedScaleScore(gain: Tensor): ScoreFunction {
  return (query, keys) => mul(dotScore(query, keys), gain);
}

/**
 * `qᵀ W k`, "general" in Luong's words; queries and keys may differ in width.
 *
 * @param weight - W `[Dq, Dk]`
 */
export function bilinearScore(weight: Tensor): ScoreFunction {
  return (query, keys) => dotScore(query, linear(keys, weight, null));
}

/**
 * `vᵀ tanh(W q + U k)`, a network with one hidden layer of A units; queries and keys may differ in width.
 *
 * @param queryWeight - W `[A, Dq]`
 * @param keyWeight - U `[A, Dk]`
 * @param vector - v `[A]`
 */
export function additiveScore(queryWeight: Tensor, keyWeight: Tensor, vector: Tensor): ScoreFunction {
  return (query, keys) =>
    additiveScores(linear(query, queryWeight, null), linear(keys, keyWeight, null), vector);
}

/** Factors on dot products by name: how scores shrink with the head width D. */
export const scoreScales = {
  /** 1/√D, the paper's. */
  sqrt: (headDim: number) => 1 / Math.sqrt(headDim),
  /** 1: plain dot products. */
  none: () => 1,
  /** 1/D */
  linear: (headDim: number) => 1 / headDim,
  /** 1, and queries are initialised smaller by √D instead (Raffel et al., T5, 2019). */
  t5: () => 1,
} as const;

/** Names of the factors on attention scores. */
export type ScoreScale = keyof typeof scoreScales;

/** The factor of that name for heads of that width. */
export function scoreScale(name: ScoreScale, headDim: number): number {
  const rule = scoreScales[name];
  if (!rule) {
    throw new ConfigError({
      where: 'attentionScale',
      expected: 'a known scale',
      got: `"${name}"`,
      hint: suggest(name, Object.keys(scoreScales)),
    });
  }
  return rule(headDim);
}

/** Weights of each query from its scores, `[B, T, S]` to `[B, T, S]`; a hidden key has the score −∞ and gets 0. */
export type DistributionFunction = (scores: Tensor) => Tensor;

/** `e^score_s / Σ e^score`: soft attention. Zeros in a row of which every key is hidden. */
export const softDistribution: DistributionFunction = (scores) => softmax(scores);

/**
 * 1 for the key of the largest score, the first of equal ones, 0 for the others: hard attention. Zeros in a row of which
 * every key is hidden.
 *
 * Papers: Xu et al., Show, Attend and Tell, 2015, §4.1, https://arxiv.org/abs/1502.03044; Bengio, Léonard & Courville
 * 2013, https://arxiv.org/abs/1308.3432 (straight-through)
 *
 * @param estimator - `straight-through` (default): the gradient of the softmax; `none`: that of the choice, which is 0
 * @throws {ConfigError} for an unknown estimator
 * @example
 * attend(query, keys, values, { distribution: hardDistribution() });
 */
export function hardDistribution(estimator: HardEstimator = 'straight-through'): DistributionFunction {
  if (!hardEstimators.includes(estimator)) {
    throw new ConfigError({
      where: 'hardDistribution',
      expected: 'a known estimator',
      got: `"${estimator}"`,
      hint: suggest(estimator, hardEstimators),
    });
  }
  return (scores) => hardWeights(softmax(scores), estimator);
}

/** Score function, distribution function and mask of `attend`. */
export interface AttendOptions {
  /** `scaledDotScore` by default. */
  readonly score?: ScoreFunction;
  /** `softDistribution` by default. */
  readonly distribution?: DistributionFunction;
  /** `[B|1, T|1, S]`, true where a key may be attended to. */
  readonly mask?: Mask;
}

/**
 * Lookup: every query gets an average of the values, weighted by how well their keys match, or with
 * `hardDistribution` the value of the best key.
 *
 * @param query - `[B, T, D]`
 * @param keys - `[B, S, D]`
 * @param values - `[B, S, E]`
 * @returns `output` `[B, T, E]`, in the convex hull of the values, 0 for a query that sees no key; `weights` and, as they
 *   are before the mask, `scores` `[B, T, S]`
 * @throws {ShapeError} when shapes do not fit, those of the mask included
 * @example
 * const { output, weights } = attend(query, keys, values, { score: dotScore });
 */
export function attend(
  query: Tensor,
  keys: Tensor,
  values: Tensor,
  { score = scaledDotScore, distribution = softDistribution, mask }: AttendOptions = {},
): { readonly output: Tensor; readonly weights: Tensor; readonly scores: Tensor } {
  const scores = score(query, keys); // [B, T, S]
  const weights = distribution(mask ? keepWhere(scores, mask, Number.NEGATIVE_INFINITY) : scores);
  return { output: matmul(weights, values), weights, scores };
}
