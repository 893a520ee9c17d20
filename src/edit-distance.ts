/**
 * Levenshtein distance between two sequences.
 *
 * @param a - a string or an array of units
 * @param b - the other one
 * @returns the fewest insertions, deletions and substitutions that turn `a` into `b`
 */
export function editDistance<T>(a: ArrayLike<T> | string, b: ArrayLike<T> | string): number {
  const row = Uint32Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    let diagonal = row[0]!;
    row[0] = i;
    for (let j = 1; j <= b.length; j++) {
      const above = row[j]!;
      const substitution = diagonal + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(above + 1, row[j - 1]! + 1, substitution);
      diagonal = above;
    }
  }
  return row[b.length]!;
}
