/** The cheapest way to give every row a column of its own. */
import { ConfigError } from '../../errors.ts';

/**
 * Minimum-cost assignment by shortest augmenting paths, O(rows² · columns).
 *
 * Every row gets a column and no column two rows, so that the sum of `costs[row][column]` is the least possible.
 * Papers: Kuhn 1955, https://doi.org/10.1002/nav.3800020109; Jonker & Volgenant 1987,
 * https://doi.org/10.1007/BF02278710
 *
 * @param costs - finite numbers, at least as many columns as rows
 * @returns the column of each row
 * @throws {ConfigError} when there are more rows than columns, or a cost is not a finite number
 * @example
 * minimumCostAssignment([[1, 2, 9], [1, 5, 9]]); // [1, 0]
 */
export function minimumCostAssignment(costs: readonly (readonly number[])[]): number[] {
  const columns = costs[0]?.length ?? 0;
  if (costs.length > columns || !costs.every((row) => row.length === columns && row.every(Number.isFinite))) {
    throw new ConfigError({
      where: 'minimumCostAssignment',
      expected: 'rows of finite costs, all as long as there are columns, and no more rows than columns',
      got: `${costs.length} rows of ${[...new Set(costs.map(({ length }) => length))].join(' and ') || 0}`,
    });
  }
  const state: Prices = {
    ofRow: new Array<number>(costs.length).fill(0),
    ofColumn: new Array<number>(columns).fill(0),
    rowIn: new Array<number>(columns).fill(-1),
  };
  for (const row of costs.keys()) place(row, costs, state);
  const columnOf = new Array<number>(costs.length);
  state.rowIn.forEach((row, column) => {
    if (row >= 0) columnOf[row] = column;
  });
  return columnOf;
}

/** Prices such that no cost is below the sum of its row's and its column's, and equal where a row has its column. */
interface Prices {
  readonly ofRow: number[];
  readonly ofColumn: number[];
  /** The row that has each column, or −1. */
  readonly rowIn: number[];
}

/** Gives a row a column; others move along the cheapest path to a free one. */
function place(
  start: number,
  costs: readonly (readonly number[])[],
  { ofRow, ofColumn, rowIn }: Prices,
): void {
  const distance = new Array<number>(ofColumn.length).fill(Number.POSITIVE_INFINITY);
  const cameFrom = new Array<number>(ofColumn.length).fill(-1);
  const settled: number[] = [];
  const open = new Set(ofColumn.keys());
  let [row, length, last] = [start, 0, -1];
  for (;;) {
    for (const column of open) {
      const through = length + costs[row]![column]! - ofRow[row]! - ofColumn[column]!;
      if (through < distance[column]!) [distance[column], cameFrom[column]] = [through, last];
    }
    last = [...open].reduce((best, column) => (distance[column]! < distance[best]! ? column : best));
    length = distance[last]!;
    if (rowIn[last] === -1) break;
    open.delete(last);
    settled.push(last);
    row = rowIn[last]!;
  }
  ofRow[start]! += length;
  for (const column of settled) {
    ofRow[rowIn[column]!]! += length - distance[column]!;
    ofColumn[column]! -= length - distance[column]!;
  }
  for (let column = last; column !== -1; column = cameFrom[column]!) {
    const before = cameFrom[column]!;
    rowIn[column] = before === -1 ? start : rowIn[before]!;
  }
}
