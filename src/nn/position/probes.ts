/**
 * What a table of position vectors `[L, C]` says: how like each other places are, and whether a linear map can read the
 * place.
 */
import { ShapeError } from '../../errors.ts';
import { solve } from './least-squares.ts';

function checkTable(where: string, table: ArrayLike<number>, width: number): number {
  if (width > 0 && table.length % width === 0) return table.length / width;
  throw new ShapeError({ where, expected: `rows of ${width} numbers`, got: `${table.length} numbers` });
}

/**
 * `PE · PEᵀ`
 *
 * @param table - `[L, C]`, row-major
 * @returns `[L, L]`
 * @throws {ShapeError} when the table is not made of whole rows
 */
export function positionSimilarity(table: ArrayLike<number>, width: number): Float64Array {
  const length = checkTable('positionSimilarity', table, width);
  return Float64Array.from({ length: length * length }, (_, i) => {
    const [t, s] = [Math.floor(i / length) * width, (i % length) * width];
    let product = 0;
    for (let c = 0; c < width; c++) product += table[t + c]! * table[s + c]!;
    return product;
  });
}

/**
 * Mean similarity of places by their distance.
 *
 * @param similarity - `[L, L]`, as `positionSimilarity` gives it
 * @returns for each lag 0 … L − 1
 */
export function similarityByLag(similarity: ArrayLike<number>): Float64Array {
  const length = Math.sqrt(similarity.length);
  return Float64Array.from({ length }, (_, lag) => {
    let total = 0;
    for (let t = 0; t + lag < length; t++) total += similarity[t * length + t + lag]!;
    return total / (length - lag);
  });
}

/** What a linear probe is asked for. */
export interface ProbeOptions {
  /** Every how manyth example is held out. Default 4. */
  readonly heldOut?: number;
  /** Weight of the squared coefficients. Default 1e-6. */
  readonly ridge?: number;
}

/**
 * How well a linear map with bias reads targets from features: fits on some examples by ridge regression.
 *
 * @param features - `[n, width]`, row-major
 * @param targets - `[n]`
 * @returns R² on the examples that were held out: 1 = read exactly, 0 = no better than their mean
 * @throws {ShapeError} when there is not one target for each row
 */
export function linearProbe(
  features: ArrayLike<number>,
  width: number,
  targets: ArrayLike<number>,
  { heldOut = 4, ridge = 1e-6 }: ProbeOptions = {},
): number {
  const count = checkTable('linearProbe', features, width);
  if (count !== targets.length)
    throw new ShapeError({ where: 'linearProbe', expected: `${count} targets`, got: String(targets.length) });
  const row = (i: number): number[] => [
    ...Array.from({ length: width }, (_, c) => features[i * width + c]!),
    1,
  ];
  const places = Array.from({ length: count }, (_, i) => i);
  const isHeldOut = (i: number): boolean => i % heldOut === heldOut - 1;
  const fitted = places.filter((i) => !isHeldOut(i));
  const weights = solve(
    fitted.map(row),
    fitted.map((i) => targets[i]!),
    ridge,
  );
  const tested = places.filter(isHeldOut);
  const mean = tested.reduce((total, i) => total + targets[i]!, 0) / tested.length;
  let [missed, spread] = [0, 0];
  for (const i of tested) {
    const read = row(i).reduce((total, value, c) => total + value * weights[c]!, 0);
    missed += (targets[i]! - read) ** 2;
    spread += (targets[i]! - mean) ** 2;
  }
  return 1 - missed / spread;
}

/**
 * Whether places, and distances of pairs of places, can be read linearly from their vectors.
 *
 * @param table - `[L, C]`, row-major
 * @returns R² on held-out places, and on held-out pairs of places from their two vectors
 */
export function probePositions(table: ArrayLike<number>, width: number, options: ProbeOptions = {}) {
  const length = checkTable('probePositions', table, width);
  const own = (t: number): number[] => Array.from({ length: width }, (_, c) => table[t * width + c]!);
  const places = Array.from({ length }, (_, t) => t);
  const pairs = places.flatMap((t) =>
    [1, 2, 3, 5, 7].map((step) => [t, (t * step + step) % length] as const),
  );
  const joined = pairs.flatMap(([t, s]) => [...own(t), ...own(s)]);
  const distances = pairs.map(([t, s]) => s - t);
  return {
    absolute: linearProbe(table, width, places, options),
    relative: linearProbe(joined, 2 * width, distances, options),
  };
}
