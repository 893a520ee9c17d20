/** Which rows are the steps of which sequence. */
import type { Device } from '../../core/device.ts';
import { type Tensor, tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';

/** Rows `first` … `first + length − 1` of a batch are one sequence. */
export interface RowRange {
  readonly first: number;
  readonly length: number;
}

/**
 * Sequences for the recurrent op, the longest first, so that those that still run are always the first ones.
 *
 * @param ranges - of each sequence, in the order of the states; none may overlap
 * @param rows - of the whole batch; rows of no sequence are padding
 * @returns int32 `[3, n]`: first row, number of rows, place among the states
 * @throws {ShapeError} when a range leaves the batch or two overlap
 * @example
 * sequencePlan([{ first: 0, length: 2 }, { first: 2, length: 5 }], 7, device);
 */
export function sequencePlan(ranges: readonly RowRange[], rows: number, device: Device): Tensor {
  checkRanges(ranges, rows);
  const order = [...ranges.keys()].sort((a, b) => ranges[b]!.length - ranges[a]!.length || a - b);
  const values = [
    ...order.map((place) => ranges[place]!.first),
    ...order.map((place) => ranges[place]!.length),
    ...order,
  ];
  return tensor(Int32Array.from(values), [3, ranges.length], { dtype: 'int32', device });
}

function checkRanges(ranges: readonly RowRange[], rows: number): void {
  let end = 0;
  for (const { first, length } of [...ranges].sort((a, b) => a.first - b.first || a.length - b.length)) {
    if (!(length >= 0 && first >= end && first + length <= rows)) {
      throw new ShapeError({
        where: 'recurrent',
        expected: `sequences that do not overlap within ${rows} rows`,
        got: `rows ${first} to ${first + length - 1} after row ${end - 1}`,
        hint: 'give the first row and the number of rows of each sequence',
      });
    }
    end = first + length;
  }
}
