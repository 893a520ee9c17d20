/** From the logits of one text to probabilities, and from probabilities to a token. */

/** log Σ exp of the logits. */
export function logSumExp(logits: Float64Array): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (const x of logits) largest = Math.max(largest, x);
  if (largest === Number.NEGATIVE_INFINITY) return largest;
  let total = 0;
  for (const x of logits) total += Math.exp(x - largest);
  return largest + Math.log(total);
}

/** exp(logit) / Σ exp(logits), `[V]`. */
export function probabilitiesOf(logits: Float64Array): Float64Array {
  const norm = logSumExp(logits);
  return logits.map((x) => Math.exp(x - norm));
}

/** Ids that are still possible, likeliest first; of equal ones the lowest first. */
export function ranked(logits: Float64Array): number[] {
  const ids: number[] = [];
  for (let id = 0; id < logits.length; id++) if (logits[id]! > Number.NEGATIVE_INFINITY) ids.push(id);
  return ids.sort((a, b) => logits[b]! - logits[a]! || a - b);
}

/** The likeliest id; of equal ones the lowest. */
export function likeliest(logits: ArrayLike<number>): number {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if (logits[id]! > logits[best]!) best = id;
  return best;
}

/**
 * The id whose stretch of [0, 1) holds `uniform`, the ids laid side by side in their order.
 *
 * @param weights - `[V]`, not negative; they need not sum to 1
 * @param uniform - from [0, 1)
 */
export function drawFrom(weights: Float64Array, uniform: number): number {
  let total = 0;
  for (const weight of weights) total += weight;
  let left = uniform * total;
  let last = 0;
  for (let id = 0; id < weights.length; id++) {
    if (weights[id]! <= 0) continue;
    last = id;
    left -= weights[id]!;
    if (left < 0) return id;
  }
  return last; // rounding may leave a little beyond the last stretch
}
