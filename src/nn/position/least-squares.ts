/** Ridge regression by the normal equations: small systems, float64. */

/**
 * `argmin_w ‖X w − y‖² + ridge · ‖w‖²`, by Cholesky's decomposition of `XᵀX + ridge · I`.
 *
 * @param rows - X
 * @param targets - y
 */
export function solve(
  rows: readonly (readonly number[])[],
  targets: readonly number[],
  ridge: number,
): Float64Array {
  const n = rows[0]?.length ?? 0;
  const at = (i: number, j: number): number => i * n + j;
  const normal = new Float64Array(n * n);
  const right = new Float64Array(n);
  rows.forEach((row, r) => {
    for (let i = 0; i < n; i++) {
      right[i]! += row[i]! * targets[r]!;
      for (let j = 0; j <= i; j++) normal[at(i, j)]! += row[i]! * row[j]!;
    }
  });
  for (let i = 0; i < n; i++) {
    normal[at(i, i)]! += ridge;
    for (let j = 0; j <= i; j++) {
      let sum = normal[at(i, j)]!;
      for (let k = 0; k < j; k++) sum -= normal[at(i, k)]! * normal[at(j, k)]!;
      normal[at(i, j)] = i === j ? Math.sqrt(sum) : sum / normal[at(j, j)]!;
    }
  }
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) right[i]! -= normal[at(i, k)]! * right[k]!;
    right[i]! /= normal[at(i, i)]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) right[i]! -= normal[at(k, i)]! * right[k]!;
    right[i]! /= normal[at(i, i)]!;
  }
  return right;
}
