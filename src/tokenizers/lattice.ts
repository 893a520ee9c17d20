/**
 * All ways to cut a text into pieces of a unigram language model, as a graph: places between code points are its
 * nodes, pieces its edges, and P(segmentation) = Π p(piece).
 *
 * Paper: Kudo, Subword Regularization, ACL 2018 (arXiv 1804.10959).
 */
import type { Random } from '../core/random.ts';
import { Trie } from './trie.ts';

/** Pieces and their log probabilities. */
export interface UnigramPieces {
  readonly trie: Trie;
  /** log p by piece. */
  readonly scores: ArrayLike<number>;
  /** What stands for a code point that is no piece, and its log p. */
  readonly unk: number;
  readonly unkScore: number;
}

/** One way to cut a text: the pieces, and the place after each, in code points. */
export interface Segmentation {
  readonly ids: number[];
  readonly ends: number[];
  readonly score: number;
}

/** The lattice of one text after the other; one object serves many texts. */
export class Lattice {
  /** Code points of the text. */
  length = 0;
  private readonly pieces: UnigramPieces;
  /** Edges that begin at place i: from `firstEdge[i]` to `firstEdge[i + 1]`, the shorter ones first. */
  private readonly firstEdge: number[] = [];
  private readonly edgeEnds: number[] = [];
  private readonly edgeIds: number[] = [];

  constructor(pieces: UnigramPieces) {
    this.pieces = pieces;
  }

  /** Lays out the pieces of a text; a place where no single code point is a piece gets an unknown one. */
  build(text: string): this {
    const { trie, unk } = this.pieces;
    const { firstEdge, edgeEnds, edgeIds } = this;
    const symbols = Array.from(text, (char) => char.codePointAt(0)!);
    const n = (this.length = symbols.length);
    let edges = 0;
    for (let start = 0; start < n; start++) {
      firstEdge[start] = edges;
      let hasSingle = false;
      let node = Trie.root;
      for (let end = start; end < n; end++) {
        node = trie.child(node, symbols[end]!);
        if (node < 0) break;
        const id = trie.value(node);
        if (id < 0) continue;
        edgeEnds[edges] = end + 1;
        edgeIds[edges++] = id;
        if (end === start) hasSingle = true;
      }
      if (hasSingle) continue;
      edgeEnds[edges] = start + 1;
      edgeIds[edges++] = unk;
    }
    firstEdge[n] = edges;
    return this;
  }

  /** log p of an edge. */
  private score(edge: number): number {
    const id = this.edgeIds[edge]!;
    return id === this.pieces.unk ? this.pieces.unkScore : this.pieces.scores[id]!;
  }

  /**
   * The best segmentation (Viterbi); of equal ones that whose last piece is the longest.
   *
   * @param round - how sums are rounded; for models that count in single precision
   */
  best(round: (sum: number) => number = exact): Segmentation {
    const n = this.length;
    const scores = new Array<number>(n + 1).fill(-Infinity);
    const froms = new Int32Array(n + 1);
    const edges = new Int32Array(n + 1);
    scores[0] = 0;
    for (let start = 0; start < n; start++) {
      for (let edge = this.firstEdge[start]!; edge < this.firstEdge[start + 1]!; edge++) {
        const end = this.edgeEnds[edge]!;
        const score = round(scores[start]! + this.score(edge));
        if (score <= scores[end]!) continue;
        scores[end] = score;
        froms[end] = start;
        edges[end] = edge;
      }
    }
    const segmentation: Segmentation = { ids: [], ends: [], score: scores[n]! };
    for (let end = n; end > 0; end = froms[end]!) {
      segmentation.ids.push(this.edgeIds[edges[end]!]!);
      segmentation.ends.push(end);
    }
    segmentation.ids.reverse();
    segmentation.ends.reverse();
    return segmentation;
  }

  /** The n best segmentations, the best one first. */
  nBest(n: number): Segmentation[] {
    const ways: Way[][] = Array.from({ length: this.length + 1 }, () => []);
    ways[0]!.push({ score: 0, edge: -1, end: 0, before: undefined });
    for (let start = 0; start < this.length; start++) {
      const here = (ways[start] = ways[start]!.sort((a, b) => b.score - a.score).slice(0, n));
      for (let edge = this.firstEdge[start]!; edge < this.firstEdge[start + 1]!; edge++) {
        const end = this.edgeEnds[edge]!;
        for (const before of here)
          ways[end]!.push({ score: before.score + this.score(edge), edge, end, before });
      }
    }
    const last = ways[this.length]!.sort((a, b) => b.score - a.score).slice(0, n);
    return last.map((way) => this.unroll(way));
  }

  private unroll(way: Way): Segmentation {
    const segmentation: Segmentation = { ids: [], ends: [], score: way.score };
    for (let at: Way = way; at.before; at = at.before) {
      segmentation.ids.push(this.edgeIds[at.edge]!);
      segmentation.ends.push(at.end);
    }
    segmentation.ids.reverse();
    segmentation.ends.reverse();
    return segmentation;
  }

  /** log Σ P^alpha of the ways from the beginning to each place. */
  private forward(alpha = 1): Float64Array {
    const sums = new Float64Array(this.length + 1).fill(-Infinity);
    sums[0] = 0;
    for (let start = 0; start < this.length; start++) {
      for (let edge = this.firstEdge[start]!; edge < this.firstEdge[start + 1]!; edge++) {
        const end = this.edgeEnds[edge]!;
        sums[end] = logAddExp(sums[end]!, sums[start]! + alpha * this.score(edge));
      }
    }
    return sums;
  }

  /** log Σ P of the ways from each place to the end. */
  private backward(): Float64Array {
    const sums = new Float64Array(this.length + 1).fill(-Infinity);
    sums[this.length] = 0;
    for (let start = this.length - 1; start >= 0; start--) {
      for (let edge = this.firstEdge[start]!; edge < this.firstEdge[start + 1]!; edge++) {
        sums[start] = logAddExp(sums[start]!, sums[this.edgeEnds[edge]!]! + this.score(edge));
      }
    }
    return sums;
  }

  /**
   * Forward–backward: adds to `expected[id]` how often a piece is expected, given the text, times `weight`.
   *
   * @returns log P(text), the sum over all segmentations
   */
  addExpected(weight: number, expected: Float64Array): number {
    const forward = this.forward();
    const backward = this.backward();
    const total = forward[this.length]!;
    for (let start = 0; start < this.length; start++) {
      for (let edge = this.firstEdge[start]!; edge < this.firstEdge[start + 1]!; edge++) {
        const logShare = forward[start]! + this.score(edge) + backward[this.edgeEnds[edge]!]! - total;
        expected[this.edgeIds[edge]!]! += weight * Math.exp(logShare);
      }
    }
    return total;
  }

  /** Draws a segmentation with probability ∝ P^alpha: forward filtering, backward sampling. */
  sample(alpha: number, random: Random): Segmentation {
    const forward = this.forward(alpha);
    const incoming = this.incomingEdges();
    const ids: number[] = [];
    const ends: number[] = [];
    let score = 0;
    for (let end = this.length; end > 0; ) {
      const edges = incoming[end]!;
      let chance = random.uniform();
      let chosen = edges[edges.length - 1]!;
      for (const candidate of edges) {
        const logShare = forward[candidate.start]! + alpha * this.score(candidate.edge) - forward[end]!;
        chance -= Math.exp(logShare);
        if (chance >= 0) continue;
        chosen = candidate;
        break;
      }
      ids.push(this.edgeIds[chosen.edge]!);
      ends.push(end);
      score += this.score(chosen.edge);
      end = chosen.start;
    }
    return { ids: ids.reverse(), ends: ends.reverse(), score };
  }

  private incomingEdges(): { readonly edge: number; readonly start: number }[][] {
    const incoming: { edge: number; start: number }[][] = Array.from({ length: this.length + 1 }, () => []);
    for (let start = 0; start < this.length; start++) {
      for (let edge = this.firstEdge[start]!; edge < this.firstEdge[start + 1]!; edge++) {
        incoming[this.edgeEnds[edge]!]!.push({ edge, start });
      }
    }
    return incoming;
  }
}

/** One of the best ways to a place. */
interface Way {
  readonly score: number;
  readonly edge: number;
  readonly end: number;
  readonly before: Way | undefined;
}

function exact(sum: number): number {
  return sum;
}

/** log(eᵃ + eᵇ). */
function logAddExp(a: number, b: number): number {
  const [low, high] = a < b ? [a, b] : [b, a];
  return low === -Infinity ? high : high + Math.log1p(Math.exp(low - high));
}
