/**
 * Self-attention over a graph: a node attends to those that an edge leads from, and what is known of an edge joins the
 * score.
 *
 * `score(t, s) = q_t · k_s / √D + W e_ts` where there is an edge, nothing elsewhere.
 *
 * Paper: Veličković et al., Graph Attention Networks, 2017, https://arxiv.org/abs/1710.10903 (with dot products in place of
 * its additive score)
 */
import type { Tensor } from '../../core/tensor.ts';
import { ConfigError } from '../../errors.ts';
import { permute } from '../../ops/shape/permute.ts';
import { Linear } from '../linear.ts';
import { Module, type ModuleContext } from '../module.ts';
import { type Mask, mask } from './masks.ts';
import { MultiHeadAttention } from './multi-head.ts';

/** Sizes of attention over a graph. */
export interface GraphAttentionOptions {
  /** C, width of the node vectors. */
  readonly dModel: number;
  readonly numHeads: number;
  /** E, width of what is known of an edge; 0, the default, when nothing is. */
  readonly edgeWidth?: number;
}

/**
 * The mask of a graph.
 *
 * @param edges - pairs [to, from]: node `to` attends to node `from`
 * @param selfLoops - every node attends to itself too; true by default
 * @returns `[1, 1, N, N]`
 */
export function edgeMask(
  nodes: number,
  edges: readonly (readonly [to: number, from: number])[],
  { selfLoops = true, device }: { readonly selfLoops?: boolean; readonly device?: Tensor['device'] } = {},
): Mask {
  const bits = new Uint8Array(nodes * nodes);
  for (const [to, from] of edges) bits[to * nodes + from] = 1;
  if (selfLoops) for (let node = 0; node < nodes; node++) bits[node * nodes + node] = 1;
  return mask(bits, [1, 1, nodes, nodes], device ? { device } : {});
}

/**
 * Multi-head self-attention that sees the edges of a graph.
 *
 * @example
 * const layer = new GraphAttention({ dModel: 64, numHeads: 4, edgeWidth: 3 }, context);
 * const visible = edgeMask(5, [[1, 0], [2, 1]]); // node 1 attends to node 0, node 2 to node 1
 * layer.forward(nodes, visible, features); // [B, 5, 64] and [B, 5, 5, 3] to [B, 5, 64]
 */
export class GraphAttention extends Module {
  readonly attention: MultiHeadAttention;
  /** W `[H, E]`, or null. */
  readonly edge: Linear | null;

  constructor({ dModel, numHeads, edgeWidth = 0 }: GraphAttentionOptions, context: ModuleContext) {
    super();
    this.attention = new MultiHeadAttention({ dModel, numHeads }, context);
    this.edge = edgeWidth > 0 ? new Linear(edgeWidth, numHeads, context, { bias: false }) : null;
  }

  /**
   * @param x - vectors of the nodes `[B, N, C]`
   * @param edges - `[B|1, 1, N, N]`, true where an edge leads to the row's node from the column's
   * @param features - e of every pair `[B|1, N, N, E]`: of the edge to the row's node from the column's
   * @returns `[B, N, C]`
   * @throws {ConfigError} for features in a layer that was made without an edgeWidth
   */
  forward(x: Tensor, edges: Mask | null, features?: Tensor): Tensor {
    const bias = features ? this.edgeScores(features) : null;
    const position = bias ? { scores: () => ({ bias }) } : null;
    return this.attention.forward(x, x, { mask: edges, position });
  }

  /** `W e` of every pair, `[B|1, H, N, N]`. */
  private edgeScores(features: Tensor): Tensor {
    if (this.edge) return permute(this.edge.forward(features), [0, 3, 1, 2]);
    const width = features.shape.at(-1);
    throw new ConfigError({
      where: 'GraphAttention',
      expected: 'an edgeWidth for features of edges',
      got: `features of width ${width} and edgeWidth 0`,
      hint: `make the layer with edgeWidth: ${width}`,
    });
  }
}
