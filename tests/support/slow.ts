/** The formulas of the papers as scalar loops, written apart from the ops: what the fast code is compared with. */

type Numbers = ArrayLike<number>;

export interface SlowAttentionSizes {
  readonly batch: number;
  readonly queries: number;
  readonly keys: number;
  readonly numHeads: number;
  readonly numKvHeads: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly scale: number;
  /** Whether query t of head h in row b may see key s. */
  readonly sees: (b: number, h: number, t: number, s: number) => boolean;
}

/** `Σ_s e^score_s v_s / Σ_s e^score_s` over the keys that may be seen; zeros where there is none. */
export function slowAttention(
  q: Numbers,
  k: Numbers,
  v: Numbers,
  sizes: SlowAttentionSizes,
): { output: Float64Array; weights: Float64Array } {
  const { batch, queries, keys, numHeads, numKvHeads, valueDim } = sizes;
  const output = new Float64Array(batch * queries * numHeads * valueDim);
  const weights = new Float64Array(batch * numHeads * queries * keys);
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < numHeads; h++) {
      const kv = Math.floor(h / (numHeads / numKvHeads));
      for (let t = 0; t < queries; t++) {
        const row = slowWeights(q, k, sizes, [b, h, kv, t]);
        weights.set(row, ((b * numHeads + h) * queries + t) * keys);
        for (let c = 0; c < valueDim; c++) {
          let total = 0;
          for (let s = 0; s < keys; s++)
            total += row[s]! * v[((b * keys + s) * numKvHeads + kv) * valueDim + c]!;
          output[((b * queries + t) * numHeads + h) * valueDim + c] = total;
        }
      }
    }
  }
  return { output, weights };
}

function slowWeights(
  q: Numbers,
  k: Numbers,
  { queries, keys, numHeads, numKvHeads, headDim, scale, sees }: SlowAttentionSizes,
  [b, h, kv, t]: readonly [number, number, number, number],
): number[] {
  const exponentials = Array.from({ length: keys }, (_, s) => {
    if (!sees(b, h, t, s)) return 0;
    let score = 0;
    for (let c = 0; c < headDim; c++) {
      score +=
        q[((b * queries + t) * numHeads + h) * headDim + c]! *
        k[((b * keys + s) * numKvHeads + kv) * headDim + c]!;
    }
    return Math.exp(scale * score);
  });
  const total = exponentials.reduce((a, e) => a + e, 0);
  return exponentials.map((e) => (total === 0 ? 0 : e / total));
}

/** `(x − μ)/√(σ² + eps) · weight + bias` of each row, with the variance over all its elements. */
export function slowLayerNorm(x: Numbers, weight: Numbers, bias: Numbers, eps: number): Float64Array {
  const width = weight.length;
  const out = new Float64Array(x.length);
  for (let at = 0; at < x.length; at += width) {
    let mean = 0;
    for (let c = 0; c < width; c++) mean += x[at + c]! / width;
    let variance = 0;
    for (let c = 0; c < width; c++) variance += (x[at + c]! - mean) ** 2 / width;
    for (let c = 0; c < width; c++) {
      out[at + c] = ((x[at + c]! - mean) / Math.sqrt(variance + eps)) * weight[c]! + bias[c]!;
    }
  }
  return out;
}

/** `y[r, o] = Σ_i x[r, i] weight[o, i] + bias[o]` */
export function slowLinear(x: Numbers, weight: Numbers, bias: Numbers): Float64Array {
  const outputs = bias.length;
  const inputs = weight.length / outputs;
  const rows = x.length / inputs;
  const y = new Float64Array(rows * outputs);
  for (let r = 0; r < rows; r++) {
    for (let o = 0; o < outputs; o++) {
      let total = bias[o]!;
      for (let i = 0; i < inputs; i++) total += x[r * inputs + i]! * weight[o * inputs + i]!;
      y[r * outputs + o] = total;
    }
  }
  return y;
}

/** Cross-entropy against the smoothed distribution `(1−ε)·onehot + ε/V`, 0 for ignored targets. */
export function slowCrossEntropy(
  logits: Numbers,
  targets: Numbers,
  { labelSmoothing, ignoreIndex }: { readonly labelSmoothing: number; readonly ignoreIndex: number },
): Float64Array {
  const classes = logits.length / targets.length;
  return Float64Array.from(targets as ArrayLike<number>, (target, row) => {
    if (target === ignoreIndex) return 0;
    let total = 0;
    for (let c = 0; c < classes; c++) total += Math.exp(logits[row * classes + c]!);
    let loss = 0;
    for (let c = 0; c < classes; c++) {
      const wanted = (c === target ? 1 - labelSmoothing : 0) + labelSmoothing / classes;
      loss -= wanted * Math.log(Math.exp(logits[row * classes + c]!) / total);
    }
    return loss;
  });
}

/** The normal distribution function by Simpson's rule, for the exact GELU. */
export function slowNormalCdf(x: number): number {
  const steps = 2000;
  const width = x / steps;
  const density = (z: number): number => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  let total = density(0) + density(x);
  for (let i = 1; i < steps; i++) total += (i % 2 ? 4 : 2) * density(i * width);
  return 0.5 + (total * width) / 3;
}

/** `c[i, j] = Σ_p a(i, p) b(p, j)` for one pair of matrices, each read through its own index function. */
export function slowProduct(
  a: (i: number, p: number) => number,
  b: (p: number, j: number) => number,
  [m, k, n]: readonly [number, number, number],
): Float64Array {
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) for (let p = 0; p < k; p++) c[i * n + j]! += a(i, p) * b(p, j);
  return c;
}
