/** Self-attention with every switch of multi-head attention, written out in loops over heads, queries and keys. */
import { noGrad, type Tensor } from '../../src/index.ts';
import type { MultiHeadAttention } from '../../src/nn/attention/multi-head.ts';
import { TalkingHeadsAttention } from '../../src/nn/attention/talking-heads.ts';

type Affine = MultiHeadAttention['query'];

/** `W x + b` of one vector. */
function affine({ weight, bias }: Affine, x: readonly number[]): number[] {
  const width = x.length;
  return Array.from({ length: weight.shape[0]! }, (_, row) =>
    x.reduce((sum, value, c) => sum + value * weight.data[row * width + c]!, bias?.data[row] ?? 0),
  );
}

/** (x - mean) / √(variance + 10⁻⁶), times the gain of each channel. */
function normalised(x: readonly number[], gain: ArrayLike<number> | undefined): number[] {
  if (!gain) return [...x];
  const mean = x.reduce((a, b) => a + b, 0) / x.length;
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
  return x.map((value, c) => ((value - mean) / Math.sqrt(variance + 1e-6)) * gain[c]!);
}

/** `P a` over heads, of numbers `[H]`. */
function mixed(mix: ArrayLike<number> | undefined, each: readonly number[]): number[] {
  if (!mix) return [...each];
  const heads = each.length;
  return each.map((_, h) => each.reduce((sum, value, g) => sum + mix[h * heads + g]! * value, 0));
}

function softmax(scores: readonly number[]): number[] {
  const powers = scores.map((score) => Math.exp(score));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / total);
}

/** One text, `[T, C]`. */
function attended(layer: MultiHeadAttention, rows: readonly number[][]): number[][] {
  const { numHeads, numKvHeads, headDim, valueDim, scale, softCap, window, gates, scoreGain } = layer;
  const talks = layer instanceof TalkingHeadsAttention ? layer : undefined;
  const part = (x: readonly number[], head: number, width: number): number[] =>
    x.slice(head * width, (head + 1) * width);
  const group = (h: number): number => Math.floor((h * numKvHeads) / numHeads);
  const heads = Array.from({ length: numHeads }, (_, h) => h);
  const [queries, keys, values] = [layer.query, layer.key, layer.value].map((side) =>
    rows.map((row) => affine(side, row)),
  ) as [number[][], number[][], number[][]];
  const scoreOf = (h: number, t: number, s: number): number => {
    const q = normalised(part(queries[t]!, h, headDim), layer.queryNorm?.weight.data);
    const k = normalised(part(keys[s]!, group(h), headDim), layer.keyNorm?.weight.data);
    const product = q.reduce((sum, value, d) => sum + value * k[d]!, 0);
    const score = product * scale * (scoreGain?.data[h] ?? 1);
    return softCap > 0 ? softCap * Math.tanh(score / softCap) : score;
  };
  const sees = (t: number, s: number): boolean => !window || (s >= t - window[0] && s <= t + window[1]);
  return rows.map((_, t) => {
    const seen = rows.flatMap((__, s) => (sees(t, s) ? [s] : []));
    const scores = seen.map((s) =>
      mixed(
        talks?.scoreMix.data,
        heads.map((h) => scoreOf(h, t, s)),
      ),
    );
    const alone = heads.map((h) => softmax(scores.map((each) => each[h]!)));
    const weights = seen.map((__, i) =>
      mixed(
        talks?.weightMix.data,
        alone.map((row) => row[i]!),
      ),
    );
    const context = heads.flatMap((h) =>
      Array.from({ length: valueDim }, (__, d) => {
        const sum = seen.reduce(
          (all, s, i) => all + weights[i]![h]! * values[s]![group(h) * valueDim + d]!,
          0,
        );
        return sum * (gates?.data[h] ?? 1);
      }),
    );
    return affine(layer.output, context);
  });
}

/** `[B, T, C]` to the same shape, row by row. */
export function slowSwitches(layer: MultiHeadAttention, x: Tensor): number[] {
  const [batch, length, width] = x.shape as [number, number, number];
  const rowsOf = (b: number): number[][] =>
    Array.from({ length }, (_, t) =>
      Array.from({ length: width }, (__, c) => x.data[(b * length + t) * width + c]!),
    );
  return noGrad(() => Array.from({ length: batch }, (_, b) => attended(layer, rowsOf(b)).flat()).flat());
}
