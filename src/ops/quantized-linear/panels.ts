/**
 * Quantised weights as the kernels read them: panels of 16 rows, groups of 32 columns; within a group the codes of
 * four columns of all 16 rows stand together.
 *
 * `int8`: codes −127 … 127 and a scale for each row. `int4`: codes 0 … 15, which mean −8 … 7, two in a byte, and a
 * scale for each row and group.
 *
 * Papers: Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference,
 * 2017, https://arxiv.org/abs/1712.05877; Dettmers et al., LLM.int8(), 2022, https://arxiv.org/abs/2208.07339
 */
import type { DType, TypedArray } from '../../core/dtype.ts';
import type { Shape } from '../../core/shape.ts';
import { ConfigError, suggest } from '../../errors.ts';

const PANEL_ROWS = 16;
/** Columns that share a scale of the activations, and with `int4` one of the weights. */
export const GROUP = 32;

/** Element types of quantised weights. */
export type QuantizedType = 'int8' | 'int4';

/** What codes and scales stand for. */
export interface QuantizedParams {
  readonly dtype: QuantizedType;
  /** Rows of the weight. */
  readonly outFeatures: number;
  /** Columns of the weight. */
  readonly inFeatures: number;
}

interface Layout {
  /** Of the tensor that holds the codes. */
  readonly codeType: DType;
  readonly codeShape: (rows: number, columns: number) => Shape;
  readonly scaleShape: (rows: number, columns: number) => Shape;
}

const panelsOf = (rows: number): number => Math.ceil(rows / PANEL_ROWS);
const groupsOf = (columns: number): number => Math.ceil(columns / GROUP);

const layouts: Readonly<Record<QuantizedType, Layout>> = {
  int8: {
    codeType: 'int8',
    codeShape: (rows, columns) => [panelsOf(rows), groupsOf(columns), GROUP / 4, PANEL_ROWS, 4],
    scaleShape: (rows) => [panelsOf(rows), PANEL_ROWS],
  },
  int4: {
    codeType: 'uint8',
    codeShape: (rows, columns) => [panelsOf(rows), groupsOf(columns), GROUP / 8, PANEL_ROWS, 4],
    scaleShape: (rows, columns) => [panelsOf(rows), groupsOf(columns), PANEL_ROWS],
  },
};

/**
 * The layout of that name.
 *
 * @throws {ConfigError} when there is none
 */
export function layoutOf(dtype: QuantizedType): Layout {
  if (Object.hasOwn(layouts, dtype)) return layouts[dtype];
  throw new ConfigError({
    where: 'quantize',
    expected: 'dtype int8 or int4',
    got: JSON.stringify(dtype),
    hint: suggest(String(dtype), Object.keys(layouts)),
  });
}

/**
 * @param tensor - name of the weight, for the message
 * @throws {ConfigError} when a weight of that width cannot be `int4`
 */
export function checkWidth(tensor: string, width: number, dtype: QuantizedType): void {
  if (dtype === 'int8' || width % GROUP === 0) return;
  throw new ConfigError({
    where: `quantize ${tensor}`,
    expected: `a width divisible by the int4 group of ${GROUP}`,
    got: `width ${width}`,
    hint: 'use dtype int8, or train with widths that are multiples of 32',
    code: 'E_QUANTIZE_WIDTH',
  });
}

/** Codes and scales of a matrix, in memory that the caller gives. */
export interface Panels {
  readonly codes: TypedArray;
  readonly scales: TypedArray;
}

/** A matrix as rows × columns. */
export interface MatrixSize {
  readonly rows: number;
  readonly columns: number;
}

/** Place of the byte of row r, column c: the group's first byte, then four columns, row, column. */
function bytePlace(r: number, column: number, groups: number, wordsPerGroup: number): number {
  const group = Math.floor(column / GROUP);
  const word = Math.floor((column % GROUP) / 4) % wordsPerGroup;
  const panel = Math.floor(r / PANEL_ROWS);
  return (
    (((panel * groups + group) * wordsPerGroup + word) * PANEL_ROWS + (r % PANEL_ROWS)) * 4 + (column % 4)
  );
}

function scalePlace(r: number, group: number, groups: number): number {
  return (Math.floor(r / PANEL_ROWS) * groups + group) * PANEL_ROWS + (r % PANEL_ROWS);
}

/** The value of largest size in `values[from … to − 1]`, with its sign. */
function largest(values: TypedArray, from: number, to: number): number {
  let found = 0;
  for (let i = from; i < to; i++) if (Math.abs(values[i]!) > Math.abs(found)) found = values[i]!;
  return found;
}

/** Quantises a row-major matrix into panels whose bytes are all 0 (or 0x88 for `int4`, which is 0 too). */
export function quantizeInto(
  { codes, scales }: Panels,
  values: TypedArray,
  { rows, columns }: MatrixSize,
  dtype: QuantizedType,
): void {
  const groups = groupsOf(columns);
  if (dtype === 'int8') codes.fill(0);
  else codes.fill(0x88);
  scales.fill(0);
  for (let r = 0; r < rows; r++) {
    if (dtype === 'int8') quantizeRow({ codes, scales }, values, r, columns);
    else for (let g = 0; g < groups; g++) quantizeGroup({ codes, scales }, values, [r, g, groups], columns);
  }
}

/** Symmetric: the largest weight of the row becomes ±127. */
function quantizeRow({ codes, scales }: Panels, values: TypedArray, r: number, columns: number): void {
  const start = r * columns;
  const most = Math.abs(largest(values, start, start + columns));
  const groups = groupsOf(columns);
  scales[r] = most / 127;
  const inverse = most > 0 ? 127 / most : 0;
  for (let c = 0; c < columns; c++) {
    codes[bytePlace(r, c, groups, GROUP / 4)] = Math.round(values[start + c]! * inverse);
  }
}

/** The largest weight of the group becomes −8, which uses all 16 codes. */
function quantizeGroup(
  { codes, scales }: Panels,
  values: TypedArray,
  [r, g, groups]: readonly [row: number, group: number, groups: number],
  columns: number,
): void {
  const start = r * columns + g * GROUP;
  const step = largest(values, start, start + GROUP) / -8;
  const inverse = step === 0 ? 0 : 1 / step;
  const code = (c: number): number => Math.min(15, Math.round(values[start + c]! * inverse) + 8);
  scales[scalePlace(r, g, groups)] = step;
  for (let c = 0; c < GROUP / 2; c++) {
    const place = bytePlace(r, g * GROUP + c, groups, GROUP / 8);
    codes[place] = code(c) | (code(c + GROUP / 2) << 4);
  }
}

/** Integer code of row r, column c, between −127 and 127 or −8 and 7. */
function codeAt(codes: TypedArray, r: number, c: number, columns: number, dtype: QuantizedType): number {
  if (dtype === 'int8') return codes[bytePlace(r, c, groupsOf(columns), GROUP / 4)]!;
  const byte = codes[bytePlace(r, c, groupsOf(columns), GROUP / 8)]!;
  return (c % GROUP < GROUP / 2 ? byte & 15 : byte >> 4) - 8;
}

/**
 * Row r as numbers, times `factor`.
 *
 * @param into - the columns are written from `at` on
 */
export function dequantizeRow(
  { codes, scales }: Panels,
  r: number,
  { columns, dtype, factor = 1 }: { columns: number; dtype: QuantizedType; factor?: number },
  into: TypedArray,
  at = 0,
): void {
  const groups = groupsOf(columns);
  for (let c = 0; c < columns; c++) {
    const scale = dtype === 'int8' ? scales[r]! : scales[scalePlace(r, Math.floor(c / GROUP), groups)]!;
    into[at + c] = codeAt(codes, r, c, columns, dtype) * scale * factor;
  }
}
