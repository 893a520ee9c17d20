/**
 * Convolution over time: every window of rows times one matrix.
 *
 * Papers: LeCun et al. 1989; for sequences Waibel et al., Phoneme Recognition Using Time-Delay Neural Networks, 1989.
 */
import { formatShape, sizeOf } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { add } from '../elementwise/binary.ts';
import { linear } from '../linear/index.ts';
import { matmul } from '../matmul/index.ts';
import { permute } from '../shape/permute.ts';
import { reshape } from '../shape/reshape.ts';
import { unfold, type WindowParams } from './unfold.ts';

/** Windows and groups of a convolution; each has the plain value by default. */
export interface Conv1dOptions extends Partial<Omit<WindowParams, 'taps'>> {
  /** Parts that the channels are cut into; each part of the output sees its part of the input only. */
  readonly groups?: number;
  /** Rows of each sequence, where several stand one after the other in one batch entry. */
  readonly lengths?: ArrayLike<number> | undefined;
}

/** The windows `[N, taps · C]` times the weight of each group. */
function multiplyGroups(windows: Tensor, weight: Tensor, groups: number): Tensor {
  const [out, taps, own] = weight.shape as [number, number, number];
  const rows = windows.shape[0]!;
  const parts = permute(reshape(windows, [rows, taps, groups, own]), [2, 0, 1, 3]); // [G, N, taps, C/G]
  const product = matmul(
    reshape(parts, [groups, rows, taps * own]),
    reshape(weight, [groups, out / groups, taps * own]),
    { transposeB: true },
  ); // [G, N, out/G]
  return reshape(permute(product, [1, 0, 2]), [rows, out]);
}

function checkChannels(x: Tensor, weight: Tensor, groups: number): void {
  const channels = x.shape.at(-1)!;
  const fits =
    weight.shape.length === 3 && weight.shape[2]! * groups === channels && weight.shape[0]! % groups === 0;
  if (x.shape.length === 3 && fits) return;
  throw new ShapeError({
    where: 'conv1d',
    expected: `x [B, T, C] and weight [out, taps, C / ${groups}] with out divisible by ${groups}`,
    got: `${formatShape(x.shape)} and ${formatShape(weight.shape)}`,
    hint: 'channels are the last axis on both sides',
  });
}

/**
 * `y_t = Σ_i W_i x_{t · stride + i · dilation − before} + b`, zeros outside the sequence.
 *
 * @param x - `[B, T, C]`; sequences of `lengths` one after the other with B = 1
 * @param weight - `[out, taps, C / groups]`
 * @param bias - `[out]`, or null
 * @returns `[B, T', out]` with `T' = ⌊(T + before + after − dilation · (taps − 1) − 1) / stride⌋ + 1`; for packed
 *   sequences `[1, Σ T', out]`
 * @throws {ShapeError} when the channels do not fit
 * @throws {ConfigError} when a size cannot be used
 * @example
 * conv1d(x, weight, bias, { before: 2 }); // three taps, causal
 */
export function conv1d(x: Tensor, weight: Tensor, bias: Tensor | null, options: Conv1dOptions = {}): Tensor {
  const { groups = 1, lengths } = options;
  checkChannels(x, weight, groups);
  const [batch, length, channels] = x.shape as [number, number, number];
  const [out, taps] = weight.shape as [number, number];
  const { stride = 1, dilation = 1, before = 0, after = 0 } = options;
  const windows = unfold(reshape(x, [batch * length, channels]), lengths ?? new Array(batch).fill(length), {
    ...{ taps, stride, dilation, before, after },
  });
  const matrix = reshape(weight, [out, sizeOf(weight.shape.slice(1))]);
  const product = groups === 1 ? linear(windows, matrix, bias) : multiplyGroups(windows, weight, groups);
  const sum = groups > 1 && bias ? add(product, bias) : product;
  const entries = lengths ? 1 : batch;
  return reshape(sum, [entries, entries === 0 ? 0 : windows.shape[0]! / entries, out]);
}
