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
import { add } from '../../ops/elementwise/binary.ts';
import { tanh } from '../../ops/elementwise/unary.ts';
import { embedding } from '../../ops/embedding/index.ts';
import { permute } from '../../ops/shape/permute.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import type { Mask } from '../attention/masks.ts';
import { normal } from '../initializers.ts';
import { Linear } from '../linear.ts';
import { Module, type ModuleContext, type Parameter, parameter } from '../module.ts';
import { BatchStructure, neededStructure } from '../source-structure.ts';
import {
  type AttentionPosition,
  addRows,
  type Places,
  Position,
  type PositionSizes,
  type RelativeSizes,
  rowsOf,
} from './position.ts';
import { SinusoidalPosition } from './sinusoidal.ts';

const WHERE = 'structural positions';

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
    const sentences = trees.map((heads) => ({ nodes: [...heads.keys()], heads, relations: [] }));
    return this.within(new BatchStructure(sentences));
  }

  /** As `inTrees`, of a batch whose tokens may be pieces of words. */
  within(structure: BatchStructure): AttentionPosition {
    return { scores: (query, sizes) => this.scores(structure, query, sizes) };
  }

  private scores(
    structure: BatchStructure,
    { device }: Tensor,
    { queries, sequences }: RelativeSizes,
  ): RelativeScores {
    const sizes = structure.sequences.map(({ nodes }) => nodes.length);
    if (sizes.length !== sequences || structure.longest > queries) {
      const got = `trees of ${sizes.join(', ')} words`;
      const expected = `${sequences} trees of at most ${queries} words`;
      throw new ShapeError({ where: 'TreeDistanceScores', expected, got });
    }
    const last = this.weight.shape[0]! - 1;
    const ids = structure.distances(queries).map((edges) => (edges < 0 ? last : Math.min(edges, last)));
    const pairs = tensor(ids, [sequences, queries * queries], { dtype: 'int32', device });
    const each = reshape(embedding(this.weight, pairs), [sequences, queries, queries, this.weight.shape[1]!]);
    return { bias: permute(each, [0, 3, 1, 2]) };
  }
}

/** What structural positions are made of. */
export interface StructuralPositionOptions {
  /** Also the place in the row, without which the order of words is unknown. */
  readonly order: boolean;
  /** The depth of a token's word, added to its vector. */
  readonly depths: boolean;
  /** Scores by the distance of two words. */
  readonly distances: boolean;
  readonly maxDistance: number;
}

/**
 * Positions in a dependency tree, of an encoder whose texts bring one.
 *
 * Adds `sin(place)` or `sin(depth)`, or, with both, `tanh(U sin(place) + V sin(depth))`; attention adds a learned score
 * for the number of edges between two words. Pieces of one word share its depth and are 0 edges apart.
 */
export class StructuralPosition extends Position {
  /** U and V `[C, C]`, or null. */
  readonly place: Linear | null;
  readonly depth: Linear | null;
  readonly distance: TreeDistanceScores | null;
  /** `[maxSeqLen, C]` */
  private readonly waves: Tensor;
  private readonly options: StructuralPositionOptions;

  constructor(
    { width, maxSeqLen, numHeads }: Pick<PositionSizes, 'width' | 'maxSeqLen' | 'numHeads'>,
    options: StructuralPositionOptions,
    context: ModuleContext,
  ) {
    super();
    const matrix = (): Linear | null =>
      options.order && options.depths ? new Linear(width, width, context, { bias: false }) : null;
    this.place = matrix();
    this.depth = matrix();
    const { distances, maxDistance } = options;
    this.distance = distances ? new TreeDistanceScores({ numHeads, maxDistance }, context) : null;
    this.waves = new SinusoidalPosition(width, maxSeqLen, context).addend;
    this.options = options;
  }

  override forward(
    x: Tensor,
    places: Places = 0,
    _mask: Mask | null = null,
    structure: BatchStructure | null = null,
  ): Tensor {
    const { order, depths } = this.options;
    const depth = depths ? depthsOf(neededStructure(WHERE, structure), x, places) : null;
    if (!order && !depth) return x;
    if (!order || !depth) return addRows(WHERE, this.waves, x, depth ?? places);
    const inRow = this.place!.forward(rowsOf(WHERE, this.waves, x, places));
    const inTree = this.depth!.forward(rowsOf(WHERE, this.waves, x, depth));
    return add(x, tanh(add(inTree, inRow)));
  }

  override inAttention(_layer: number, structure: BatchStructure | null = null): AttentionPosition | null {
    return this.distance?.within(neededStructure(WHERE, structure)) ?? null;
  }
}

/** The depth of each token of `x`, int32 `[B, T]`; of packed sequences `[1, T]`. */
function depthsOf(structure: BatchStructure, { shape, device }: Tensor, places: Places): Tensor {
  const depths = structure.depths(typeof places === 'number' ? shape[1]! : 'packed');
  return tensor(depths, shape.slice(0, 2), { dtype: 'int32', device });
}
