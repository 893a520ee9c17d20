/** Quantised weights read by the text of their layout, one number at a time. */
import type { QuantizedType } from '../../src/index.ts';

interface Stored {
  readonly data: ArrayLike<number>;
}

/** Row-major numbers of a quantised matrix. */
export function slowDequantize(matrix: {
  readonly codes: Stored;
  readonly scales: Stored;
  readonly rows: number;
  readonly columns: number;
  readonly dtype: QuantizedType;
}): Float64Array {
  const { codes, scales, rows, columns, dtype } = matrix;
  const groups = Math.ceil(columns / 32);
  const values = new Float64Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const [panel, lane, group, inGroup] = [r >> 4, r & 15, c >> 5, c & 31];
      if (dtype === 'int8') {
        const block = (panel * groups + group) * 512; // 8 words of 4 columns, 16 rows each
        values[r * columns + c] =
          codes.data[block + (inGroup >> 2) * 64 + lane * 4 + (inGroup & 3)]! * scales.data[r]!;
      } else {
        const block = (panel * groups + group) * 256; // 4 words of 4 byte columns, 16 rows each
        const byte = codes.data[block + ((inGroup & 15) >> 2) * 64 + lane * 4 + (inGroup & 3)]!;
        const code = (inGroup < 16 ? byte % 16 : Math.floor(byte / 16)) - 8;
        values[r * columns + c] = code * scales.data[(panel * groups + group) * 16 + lane]!;
      }
    }
  }
  return values;
}
