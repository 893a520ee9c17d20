/**
 * Convolution written as multi-head self-attention: one head for each tap, which looks at its own offset only.
 *
 * With queries and keys of zeros a head's scores come from the offset δ = s − t alone, by the quadratic encoding
 * `−α |δ − Δ|² = v · (|δ|², δ) + constant` with `v = −α (1, −2Δ)`; with a large α softmax is 1 at δ = Δ and 0 elsewhere.
 * The values are the inputs, and the output projection of head i is the weight of tap i.
 *
 * Paper: Cordonnier, Loukas & Jaggi, On the Relationship between Self-Attention and Convolutional Layers, 2019,
 * https://arxiv.org/abs/1911.03584
 */
import { type Tensor, tensor, zeros } from '../../core/tensor.ts';
import { relativeAttention } from '../../ops/attention/relative.ts';
import { linear } from '../../ops/linear/index.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import { pad, slice } from '../../ops/shape/slice.ts';

/** α: the weight of any other place is below e^−α. */
const sharpness = 50;

/** Attention of `[1, S, C]` to itself by scores alone: one key and value head, whose value is the input. */
function attendByPlace(
  x: Tensor,
  heads: number,
  scores: { table?: Tensor; first?: number; bias?: Tensor },
): Tensor {
  const [batch, length] = x.shape as [number, number, number];
  const nothing = (width: number): Tensor => zeros([batch, length, width], { device: x.device });
  const relative = { ...scores, perQuery: false };
  return relativeAttention(nothing(heads), nothing(1), x, null, { numHeads: heads, numKvHeads: 1 }, relative);
}

/** `−α (δ − Δ)²`, without the constant `−α Δ²`, which softmax takes away. */
function quadratic(delta: readonly number[], centre: readonly number[]): number {
  return delta.reduce((sum, d, axis) => sum - sharpness * (d * d - 2 * d * centre[axis]!), 0);
}

/** Where the taps of a window lie. */
export interface AttentionConvolution {
  readonly dilation?: number;
  /** Rows of zeros before the sequence, and after it. */
  readonly before: number;
  readonly after: number;
}

/**
 * `conv1d` with stride 1 as attention with k heads.
 *
 * @param x - `[B, T, C]`
 * @param weight - `[out, k, C]`: head i projects with `weight[:, i]`
 * @param bias - `[out]`, or null
 * @returns `[B, T + before + after − dilation · (k − 1), out]`, as `conv1d`
 * @example
 * convolutionAsAttention(x, weight, bias, { before: 1, after: 1 }); // three heads: before, here, after
 */
export function convolutionAsAttention(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  { dilation = 1, before, after }: AttentionConvolution,
): Tensor {
  const [batch, length, channels] = x.shape as [number, number, number];
  const [out, taps] = weight.shape as [number, number, number];
  const size = length + before + after;
  const padded = pad(x, 1, before, size); // the zeros around the sequence are keys like any other
  const width = 2 * size - 1; // every offset from 1 − size to size − 1
  const scores = new Float64Array(batch * taps * width);
  for (let i = 0; i < scores.length; i++) {
    const offset = (i % width) - (size - 1);
    scores[i] = quadratic([offset], [(Math.floor(i / width) % taps) * dilation]);
  }
  const table = tensor(scores, [batch, 1, taps * width], { device: x.device });
  const seen = attendByPlace(padded, taps, { table, first: 1 - size }); // [B, size, k · C]
  const whole = slice(seen, 1, 0, size - dilation * (taps - 1));
  return linear(whole, reshape(weight, [out, taps * channels]), bias);
}

/**
 * Convolution over an image, stride 1 and as many zeros around it as keep its size, as attention with K² heads.
 *
 * @param x - `[height, width, C]`
 * @param weight - `[out, K, K, C]` with K odd
 * @param bias - `[out]`, or null
 * @returns `[height, width, out]`
 */
export function convolution2dAsAttention(x: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  const [height, width, channels] = x.shape as [number, number, number];
  const [out, taps] = weight.shape as [number, number];
  const reach = (taps - 1) / 2;
  const [rows, columns] = [height + 2 * reach, width + 2 * reach];
  const padded = pad(pad(x, 0, reach, rows), 1, reach, columns);
  const [heads, pixels] = [taps * taps, rows * columns];
  const place = (pixel: number): [number, number] => [Math.floor(pixel / columns), pixel % columns];
  const scores = new Float64Array(heads * pixels * pixels);
  for (let i = 0; i < scores.length; i++) {
    const [head, from, to] = [Math.floor(i / pixels ** 2), Math.floor(i / pixels) % pixels, i % pixels];
    const [[row, column], [seenRow, seenColumn]] = [place(from), place(to)];
    const centre = [Math.floor(head / taps) - reach, (head % taps) - reach];
    scores[i] = quadratic([seenRow - row, seenColumn - column], centre);
  }
  const byPair = tensor(scores, [1, heads, pixels, pixels], { device: x.device });
  const seen = attendByPlace(reshape(padded, [1, pixels, channels]), heads, { bias: byPair });
  const whole = slice(reshape(seen, [rows, columns, heads * channels]), 0, reach, reach + height);
  const inner = slice(whole, 1, reach, reach + width);
  return linear(inner, reshape(weight, [out, heads * channels]), bias);
}
