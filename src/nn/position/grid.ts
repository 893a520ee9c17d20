/**
 * Two-dimensional sinusoidal positions: half of the channels say the row, the others the column.
 *
 * Paper: Carion et al., End-to-End Object Detection with Transformers, 2020, https://arxiv.org/abs/2005.12872
 */
import { type Tensor, tensor } from '../../core/tensor.ts';
import type { ModuleContext } from '../module.ts';
import { addRows, type Places, Position } from './position.ts';
import { sinusoidalTable } from './sinusoidal.ts';

/**
 * Positions of a grid that is read row by row.
 *
 * @param width - even
 * @returns `[rows · columns · width]`: waves of the row, then waves of the column
 */
export function gridTable(rows: number, columns: number, width: number): Float64Array {
  const half = width / 2;
  const waves = sinusoidalTable(Math.max(rows, columns), half);
  const table = new Float64Array(rows * columns * width);
  for (let place = 0; place < rows * columns; place++) {
    const [row, column] = [Math.floor(place / columns), place % columns];
    table.set(waves.subarray(row * half, (row + 1) * half), place * width);
    table.set(waves.subarray(column * half, (column + 1) * half), place * width + half);
  }
  return table;
}

/** Adds the row's and the column's waves to the vectors of a grid's cells, read row by row. */
export class GridPosition extends Position {
  private readonly table: Tensor;

  constructor(width: number, maxSeqLen: number, columns: number, { device }: ModuleContext) {
    super();
    const rows = Math.ceil(maxSeqLen / columns);
    const values = gridTable(rows, columns, width);
    this.table = tensor(values, [rows * columns, width], device === undefined ? {} : { device }).keep();
  }

  override forward(x: Tensor, places: Places = 0): Tensor {
    return addRows('GridPosition', this.table, x, places);
  }

  override get addend(): Tensor {
    return this.table;
  }
}
