/**
 * What changes the logits of a text before a token is drawn: penalties, temperature, and cuts that leave the
 * likely tokens only. A removed token has the logit −∞.
 *
 * Shapes: V vocabulary.
 */
import { probabilitiesOf, ranked } from './distribution.ts';

/**
 * Changes the logits `[V]` of one text in place.
 *
 * @param tokens - of the text so far, its prompt included
 * @param promptLength - how many of them are the prompt
 */
export type LogitsProcessor = (logits: Float64Array, tokens: readonly number[], promptLength: number) => void;

const removed = Number.NEGATIVE_INFINITY;

function keepOnly(logits: Float64Array, ids: Iterable<number>): void {
  const kept = new Set(ids);
  for (let id = 0; id < logits.length; id++) if (!kept.has(id)) logits[id] = removed;
}

/** `logits / T`: below 1 sharper, above 1 flatter. Paper: Ackley, Hinton & Sejnowski 1985. */
export function divideByTemperature(temperature: number): LogitsProcessor {
  return (logits) => {
    for (let id = 0; id < logits.length; id++) logits[id]! /= temperature;
  };
}

/** Keeps the k likeliest; of equal ones the lowest ids. Paper: Fan et al. 2018, https://arxiv.org/abs/1805.04833 */
export function keepTopK(k: number): LogitsProcessor {
  return (logits) => keepOnly(logits, ranked(logits).slice(0, k));
}

/**
 * Nucleus: keeps the smallest set of likeliest tokens whose probabilities sum to at least p.
 *
 * @param minKept - kept at least
 * Paper: Holtzman et al. 2019, https://arxiv.org/abs/1904.09751
 */
export function keepTopP(p: number, minKept = 1): LogitsProcessor {
  return (logits) => keepOnly(logits, massOf(logits, ranked(logits), p, minKept));
}

/** The first ids of a list that together have probability p. */
function massOf(logits: Float64Array, ids: readonly number[], p: number, minKept: number): number[] {
  const probs = probabilitiesOf(logits);
  let mass = 0;
  const isNeeded = (id: number, place: number): boolean => {
    const before = mass;
    mass += probs[id]!;
    return place < minKept || before < p;
  };
  return ids.filter(isNeeded);
}

/** Keeps tokens at least p times as likely as the likeliest. Paper: Nguyen et al. 2024, https://arxiv.org/abs/2407.01082 */
export function keepMinP(p: number): LogitsProcessor {
  return (logits) => {
    const probs = probabilitiesOf(logits);
    let most = 0;
    for (const prob of probs) most = Math.max(most, prob);
    removeBelow(logits, probs, p * most);
  };
}

/** Removes what is less likely than `least`, but never the likeliest token. */
function removeBelow(logits: Float64Array, probs: Float64Array, least: number): void {
  const [best] = ranked(logits);
  for (let id = 0; id < logits.length; id++) if (id !== best && probs[id]! < least) logits[id] = removed;
}

/** H = −Σ p log p, nats. */
function entropyOf(probs: Float64Array): number {
  let entropy = 0;
  for (const p of probs) if (p > 0) entropy -= p * Math.log(p);
  return entropy;
}

/**
 * Keeps the tokens whose information −log p is nearest to the entropy, as many as have probability `mass` together.
 *
 * Paper: Meister et al., Locally Typical Sampling, 2022, https://arxiv.org/abs/2202.00666
 */
export function keepTypical(mass: number): LogitsProcessor {
  return (logits) => {
    const probs = probabilitiesOf(logits);
    const entropy = entropyOf(probs);
    const distance = probs.map((p) => Math.abs(-Math.log(p) - entropy));
    const order = ranked(logits).sort((a, b) => distance[a]! - distance[b]!);
    keepOnly(logits, massOf(logits, order, mass, 1));
  };
}

/** Removes tokens less likely than ε. Paper: Hewitt et al. 2022, §4.1, https://arxiv.org/abs/2210.15191 */
export function cutBelowEpsilon(epsilon: number): LogitsProcessor {
  return (logits) => removeBelow(logits, probabilitiesOf(logits), epsilon);
}

/** Removes tokens less likely than `min(ε, √ε · exp(−H))`. Paper: Hewitt et al. 2022, §4.2, https://arxiv.org/abs/2210.15191 */
export function cutBelowEta(epsilon: number): LogitsProcessor {
  return (logits) => {
    const probs = probabilitiesOf(logits);
    removeBelow(logits, probs, Math.min(epsilon, Math.sqrt(epsilon) * Math.exp(-entropyOf(probs))));
  };
}

/** Divides the positive logits of tokens that came by θ, multiplies the negative ones. Paper: Keskar et al. 2019, https://arxiv.org/abs/1909.05858 */
export function penalizeRepetition(theta: number): LogitsProcessor {
  return (logits, tokens) => {
    for (const id of new Set(tokens)) {
      const logit = logits[id]!;
      logits[id] = logit > 0 ? logit / theta : logit * theta;
    }
  };
}

/** Lowers the logit of every token that came, by `presence` once and by `frequency` for each time that it came. */
export function penalizeOccurrences(presence: number, frequency: number): LogitsProcessor {
  return (logits, tokens) => {
    for (const id of tokens) logits[id]! -= frequency;
    for (const id of new Set(tokens)) logits[id]! -= presence;
  };
}

/** Removes tokens that would end a sequence of n tokens which came before. Paper: Paulus et al. 2017, https://arxiv.org/abs/1705.04304 */
export function forbidRepeatedNgrams(n: number): LogitsProcessor {
  return (logits, tokens) => {
    const start = tokens.length - n + 1;
    for (let i = 0; i < start; i++) {
      let same = 0;
      while (same < n - 1 && tokens[i + same] === tokens[start + same]) same++;
      if (same === n - 1) logits[tokens[i + n - 1]!] = removed;
    }
  };
}

/** Removes the end token from texts of fewer than `minNewTokens` tokens after the prompt. */
export function forbidEarlyEnd(minNewTokens: number, eos: number): LogitsProcessor {
  return (logits, tokens, promptLength) => {
    if (tokens.length - promptLength < minNewTokens) logits[eos] = removed;
  };
}
