/**
 * Structural positions: where a word stands in the dependency tree of its sentence, not in its row.
 *
 * Absolute: the depth of a word. Relative: the number of edges between two words.
 *
 * Paper: Wang, Tu, Wang & Shi, Self-Attention with Structural Position Representations, 2019,
 * https://arxiv.org/abs/1909.00383
 */
import { type Tensor, tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import type { RelativeScores } from '../../ops/attention/relative.ts';
import { embedding } from '../../ops/embedding/index.ts';
import { permute } from '../../ops/shape/permute.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import { normal } from '../initializers.ts';
import { Module, type ModuleContext, type Parameter, parameter } from '../module.ts';
import type { AttentionPosition, RelativeSizes } from './position.ts';

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

/** Learned scores for each head and distance in a tree; distances beyond the largest share its scores. */
export class TreeDistanceScores extends Module {
  /** `[maxDistance + 1, H]` */
  readonly weight: Parameter;

  constructor(
    { numHeads, maxDistance = 16 }: { readonly numHeads: number; readonly maxDistance?: number },
    context: ModuleContext,
  ) {
    super();
    this.weight = parameter([maxDistance + 1, numHeads], normal(numHeads ** -0.5), context);
  }

  /**
   * What the trees of a batch do in self-attention.
   *
   * @param trees - the heads of each sentence; shorter ones stand for padded rows, whose pads are nowhere in the tree
   * @example
   * layer.forward(x, x, { mask, position: scores.inTrees([sentence.heads]) });
   */
  inTrees(trees: readonly (readonly number[])[]): AttentionPosition {
    return { scores: (query, sizes) => this.scores(trees, query, sizes) };
  }

  private scores(
    trees: readonly (readonly number[])[],
    { device, shape }: Tensor,
    { queries }: RelativeSizes,
  ): RelativeScores {
    const [batch, heads] = [shape[0]!, this.weight.shape[1]!];
    if (trees.length !== batch || trees.some(({ length }) => length > queries)) {
      const got = `trees of ${trees.map(({ length }) => length).join(', ')} words`;
      const expected = `${batch} trees of at most ${queries} words`;
      throw new ShapeError({ where: 'TreeDistanceScores', expected, got });
    }
    const last = this.weight.shape[0]! - 1;
    const ids = new Int32Array(batch * queries * queries).fill(last);
    trees.forEach((tree, b) => {
      treeDistances(tree).forEach((distance, i) => {
        const [t, s] = [Math.floor(i / tree.length), i % tree.length];
        ids[(b * queries + t) * queries + s] = Math.min(distance, last);
      });
    });
    const each = embedding(this.weight, tensor(ids, [batch, queries * queries], { dtype: 'int32', device }));
    return { bias: permute(reshape(each, [batch, queries, queries, heads]), [0, 3, 1, 2]) };
  }
}
