/** Dependency trees as lists of heads: how deep words stand and how far they are from each other. */
import { ShapeError } from '../errors.ts';

/** The words from a word up to the root, itself first. */
function pathToRoot(heads: readonly number[], word: number): number[] {
  const path: number[] = [];
  for (let at = word; at !== -1; at = heads[at]!) {
    if (at === undefined || path.length > heads.length)
      throw new ShapeError({
        where: 'treeDepths',
        expected: 'heads that make a tree, -1 above the root',
        got: `[${heads.join(', ')}]`,
      });
    path.push(at);
  }
  return path;
}

/**
 * Edges from each word up to the root of its tree.
 *
 * @param heads - for each word the place of its head, −1 for the root
 * @returns `[T]`, 0 for the root: places for `SinusoidalPosition` or `LearnedPosition`
 * @throws {ShapeError} when the heads make no tree
 * @example
 * treeDepths([1, -1, 3, 1]); // Int32Array [1, 0, 2, 1]
 */
export function treeDepths(heads: readonly number[]): Int32Array {
  return Int32Array.from(heads, (_, word) => pathToRoot(heads, word).length - 1);
}

/**
 * Edges between each two words: up from one to their lowest common ancestor and down to the other.
 *
 * @param heads - for each word the place of its head, −1 for the root
 * @returns `[T, T]`
 * @throws {ShapeError} when the heads make no tree
 * @example
 * treeDistances([1, -1, 3, 1]); // from word 0: 0, 1, 3, 2
 */
export function treeDistances(heads: readonly number[]): Int32Array {
  const paths = heads.map((_, word) => pathToRoot(heads, word));
  return Int32Array.from({ length: heads.length ** 2 }, (_, i) => {
    const [a, b] = [paths[Math.floor(i / heads.length)]!, paths[i % heads.length]!];
    let shared = 0; // words that both paths end with
    while (shared < a.length && shared < b.length && a.at(-1 - shared) === b.at(-1 - shared)) shared++;
    return a.length + b.length - 2 * shared;
  });
}
