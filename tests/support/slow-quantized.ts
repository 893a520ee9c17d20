/** Quantised weights read by the text of their layout, one number at a time, and the rounding of what they multiply. */
import type { QuantizedType } from '../../src/index.ts';
import { noise } from './native-kernels.ts';

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

/** Codes of a matrix in memory, what scales them, and the row-major numbers that they stand for. */
export interface CodedMatrix {
  readonly codes: Int8Array | Uint8Array;
  readonly scales: Float32Array;
  readonly values: Float64Array;
}

/** Random bytes under random scales, also where a panel is wider than the matrix. */
export function randomCodes(
  rows: number,
  columns: number,
  bits: 8 | 4,
  { seed, size = 1 }: { readonly seed: number; readonly size?: number },
): CodedMatrix {
  const [panels, groups] = [Math.ceil(rows / 16), Math.ceil(columns / 32)];
  const bytes = Uint8Array.from(noise(panels * groups * 64 * bits, seed), (x) => Math.floor((x + 1) * 128));
  const codes = bits === 8 ? Int8Array.from(bytes, (byte) => Math.max(-127, byte - 128)) : bytes;
  const scales = noise(panels * 16 * (bits === 8 ? 1 : groups), seed + 1).map((scale) => scale * size);
  const dtype = bits === 8 ? 'int8' : 'int4';
  const values = slowDequantize({ codes: { data: codes }, scales: { data: scales }, rows, columns, dtype });
  return { codes, scales, values };
}

/**
 * What a kernel makes of the numbers that codes multiply: groups of 32, each a whole number of 127ths of its largest.
 *
 * @param nudge - what is added to every whole number before it is rounded
 */
export function slowRound(x: readonly number[], nudge = 0): number[] {
  const units = Array.from({ length: Math.ceil(x.length / 32) }, (_, group) =>
    x.slice(32 * group, 32 * group + 32).reduce((most, value) => Math.max(most, Math.abs(value) / 127), 0),
  );
  return x.map((value, i) => {
    const unit = units[Math.floor(i / 32)]!;
    return unit === 0 ? 0 : Math.round(value / unit + nudge) * unit;
  });
}
