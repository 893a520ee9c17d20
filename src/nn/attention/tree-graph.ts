/**
 * Self-attention along the edges of a dependency tree: a token sees its own word, its head and its dependents.
 *
 * `score(t, s) = q_t · k_s / √D + w_r` where an edge with relation r leads from s to t, nothing elsewhere; w is a learned
 * number for each relation, direction and head: an embedding of the relation seen through `GraphAttention`'s W.
 *
 * Papers: Veličković et al., Graph Attention Networks, 2017, https://arxiv.org/abs/1710.10903 (with dot products);
 * Marcheggiani & Titov 2017, https://arxiv.org/abs/1703.04826 (syntax with directions and labels)
 */
import { type Tensor, tensor } from '../../core/tensor.ts';
import { add } from '../../ops/elementwise/binary.ts';
import { embedding } from '../../ops/embedding/index.ts';
import { permute } from '../../ops/shape/permute.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import { normal } from '../initializers.ts';
import { type ModuleContext, type Parameter, parameter } from '../module.ts';
import { type BatchStructure, neededStructure, type SourceStructure } from '../source-structure.ts';
import { type AttentionCall, inRectangle } from './call.ts';
import { mask } from './masks.ts';
import { MultiHeadAttention, type MultiHeadAttentionOptions } from './multi-head.ts';

/** The universal relations of Universal Dependencies 2, https://universaldependencies.org/u/dep, and that of the end token. */
const relationNames = [
  ...['acl', 'advcl', 'advmod', 'amod', 'appos', 'aux', 'case', 'cc', 'ccomp', 'clf', 'compound', 'conj'],
  ...['cop', 'csubj', 'dep', 'det', 'discourse', 'dislocated', 'expl', 'fixed', 'flat', 'goeswith', 'iobj'],
  ...['list', 'mark', 'nmod', 'nsubj', 'nummod', 'obj', 'obl', 'orphan', 'parataxis', 'punct', 'reparandum'],
  ...['root', 'vocative', 'xcomp', 'end'],
];
const relationIds = new Map(relationNames.map((name, i) => [name, i]));
/** Those and any other one. */
const RELATIONS = relationNames.length + 1;

/** Which edges a token sees: to its head and its dependents, or to one of them. */
export const treeEdges = ['dependencies', 'heads', 'dependents'] as const;
/** Names of the choices of edges. */
export type TreeEdges = (typeof treeEdges)[number];

/** The number of a relation; a subtype (`nsubj:pass`) counts as its universal part. */
function relationId(name: string): number {
  return relationIds.get(name.split(':', 1)[0]!) ?? RELATIONS - 1;
}

/** 0 without an edge, 1 within a word, then a number for each relation to a head, and for each to a dependent. */
function edgeLabel(
  edges: TreeEdges,
  { heads, relations }: SourceStructure,
  to: number,
  from: number,
): number {
  if (to === from) return 1;
  if (heads[to] === from && edges !== 'dependents') return 2 + relationId(relations[to]!);
  if (heads[from] === to && edges !== 'heads') return 2 + RELATIONS + relationId(relations[from]!);
  return 0;
}

/** Sizes of the layer, and what it sees. */
export interface TreeGraphAttentionOptions extends MultiHeadAttentionOptions {
  readonly edges: TreeEdges;
  /** Whether scores know the relation of an edge. */
  readonly relations: boolean;
}

/** Multi-head self-attention that sees the edges of the trees of its texts. */
export class TreeGraphAttention extends MultiHeadAttention {
  /** w `[1 + 2 · relations, H]`, or null. */
  readonly relation: Parameter | null;
  private readonly edges: TreeEdges;

  /** @throws {ConfigError} when the numbers of heads do not fit */
  constructor({ edges, relations, ...options }: TreeGraphAttentionOptions, context: ModuleContext) {
    super(options, context);
    const labels = [1 + 2 * RELATIONS, options.numHeads] as const;
    this.relation = relations ? parameter(labels, normal(options.numHeads ** -0.5), context) : null;
    this.edges = edges;
  }

  /** @throws {ConfigError} when the texts have no trees */
  protected override context(call: AttentionCall): Tensor {
    const structure = neededStructure('graph attention', call.structure);
    return inRectangle(call, (padded) => {
      const { device, shape } = padded.query;
      const [batch, length] = shape as [number, number, number];
      const labels = this.labelsOf(structure, length);
      const visible = mask(Uint8Array.from(labels, Math.sign), [batch, 1, length, length], { device });
      return super.context({ ...padded, mask: visible, relative: this.added(padded, labels) });
    });
  }

  /** `[B, L, L]`, see `edgeLabel`; no edge leads to padding. */
  private labelsOf(structure: BatchStructure, length: number): Int32Array {
    return structure.pairs(this.edges, length, (tree, to, from) => edgeLabel(this.edges, tree, to, from));
  }

  /** What is added to the scores: of the relations, and of positions. */
  private added({ query, relative }: AttentionCall, labels: Int32Array): AttentionCall['relative'] {
    if (!this.relation) return relative;
    const [batch, length] = query.shape as [number, number, number];
    const rows = labels.map((label) => Math.max(0, label - 1));
    const places = tensor(rows, [batch, length * length], { dtype: 'int32', device: query.device });
    const each = reshape(embedding(this.relation, places), [batch, length, length, this.numHeads]);
    const bias = permute(each, [0, 3, 1, 2]);
    return { ...relative, bias: relative?.bias ? add(relative.bias, bias) : bias };
  }
}
