/** Norms and feed-forward networks as scalar loops over rows: what the modules are compared with. */
import { slowNormalCdf } from './slow.ts';

type Numbers = ArrayLike<number>;

/** Rows of a flat matrix. */
export function rowsOf(values: Numbers, width: number): number[][] {
  return Array.from({ length: values.length / width }, (_, r) =>
    Array.from({ length: width }, (_, c) => values[r * width + c]!),
  );
}

/** Mean and variance (over all, and over one fewer) of numbers. */
export function moments(values: readonly number[]): { mean: number; biased: number; unbiased: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const squares = values.reduce((total, value) => total + (value - mean) ** 2, 0);
  return { mean, biased: squares / values.length, unbiased: squares / Math.max(1, values.length - 1) };
}

/** `x / √(mean(x²) + eps) · weight` of each row. */
export function slowRmsNorm(x: Numbers, weight: Numbers, eps: number): number[] {
  return rowsOf(x, weight.length).flatMap((row) => {
    const power = row.reduce((total, value) => total + value * value, 0) / row.length;
    return row.map((value, c) => (value / Math.sqrt(power + eps)) * weight[c]!);
  });
}

/** Activations of gates by the name of the network. */
export const slowGates: Readonly<Record<string, (x: number) => number>> = {
  bilinear: (x) => x,
  glu: (x) => 1 / (1 + Math.exp(-x)),
  reglu: (x) => Math.max(0, x),
  geglu: (x) => x * slowNormalCdf(x),
  swiglu: (x) => x / (1 + Math.exp(-x)),
};

/** What a router decides: experts of each row, best first, with their gates. */
export function slowRoutes(
  x: Numbers,
  router: Numbers,
  [width, experts, perRow]: readonly [number, number, number],
): { readonly expert: number; readonly gate: number; readonly probs: number[] }[][] {
  return rowsOf(x, width).map((row) => {
    const logits = rowsOf(router, width).map((w) =>
      w.reduce((total, value, c) => total + value * row[c]!, 0),
    );
    const exponentials = logits.map(Math.exp);
    const sum = exponentials.reduce((a, b) => a + b, 0);
    const probs = exponentials.map((e) => e / sum);
    const order = Array.from({ length: experts }, (_, e) => e).sort((a, b) => probs[b]! - probs[a]!);
    const best = order.slice(0, perRow);
    const share = perRow === 1 ? 1 : best.reduce((total, e) => total + probs[e]!, 0);
    return best.map((expert) => ({ expert, gate: probs[expert]! / share, probs }));
  });
}
