/** Which rows of a batch are tokens, and to which sequence each belongs. */
import type { Tensor } from '../core/tensor.ts';
import { Segments, type Visible } from './attention/packing.ts';

/** The rows of `[B, T, C]`, one after the other. */
export interface Rows {
  /** Number of the sequence of each row, −1 for padding. */
  readonly sequence: Int32Array;
  readonly sequences: number;
  /** Rows that are not padding. */
  readonly tokens: number;
}

/**
 * Rows of a batch.
 *
 * @param x - `[B, T, C]`
 * @param visible - padding mask `[B|1, 1, 1, T]`, bounds of packed sequences (then B is 1), or null: no padding
 */
export function rowsOf(x: Tensor, visible: Visible): Rows {
  const [batch, length] = x.shape as [number, number, number];
  const sequence = new Int32Array(batch * length);
  if (visible instanceof Segments) {
    const { starts, count } = visible.queries;
    for (let n = 0; n < count; n++) sequence.fill(n, starts[n]!, starts[n + 1]!);
    return { sequence, sequences: count, tokens: sequence.length };
  }
  let tokens = 0;
  for (let row = 0; row < sequence.length; row++) {
    const isToken = visible === null || visible.data[row % visible.size] !== 0;
    sequence[row] = isToken ? Math.floor(row / length) : -1;
    tokens += Number(isToken);
  }
  return { sequence, sequences: batch, tokens };
}
