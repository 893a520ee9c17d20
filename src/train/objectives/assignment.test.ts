import fc from 'fast-check';
import { expect, test } from 'vitest';
import { minimumCostAssignment } from './assignment.ts';

/** The least sum over all ways to give every row a column of its own. */
function least(costs: readonly (readonly number[])[], taken: ReadonlySet<number> = new Set()): number {
  const [row, ...others] = costs;
  if (!row) return 0;
  const sums = row.flatMap((cost, column) =>
    taken.has(column) ? [] : [cost + least(others, new Set([...taken, column]))],
  );
  return Math.min(...sums);
}

const anyCosts = fc
  .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 2 }))
  .chain(([rows, more]) => {
    const cost = fc.integer({ min: -20, max: 20 });
    const row = fc.array(cost, { minLength: rows + more, maxLength: rows + more });
    return fc.array(row, { minLength: rows, maxLength: rows });
  });

test('no other assignment is cheaper (M14)', () => {
  fc.assert(
    fc.property(anyCosts, (costs) => {
      const columns = minimumCostAssignment(costs);
      expect(new Set(columns).size).toBe(costs.length);
      expect(columns.reduce((sum, column, row) => sum + costs[row]![column]!, 0)).toBe(least(costs));
    }),
    { numRuns: 300 },
  );
});

test('nothing is assigned to nothing, and bad costs are refused (M14)', () => {
  expect(minimumCostAssignment([])).toEqual([]);
  const expected =
    'minimumCostAssignment: expected rows of finite costs, all as long as there are columns, and no more rows than columns, got';
  expect(() => minimumCostAssignment([[1], [2]])).toThrow(`${expected} 2 rows of 1`);
  expect(() => minimumCostAssignment([[1, 2], [2]])).toThrow(`${expected} 2 rows of 2 and 1`);
  expect(() => minimumCostAssignment([[1, Number.NaN]])).toThrow(`${expected} 1 rows of 2`);
});
