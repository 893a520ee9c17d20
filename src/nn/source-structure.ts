/**
 * What is known of a text beside the row of its tokens: the dependency tree of its words. It travels with the ids of a
 * batch, packed or padded, to whatever looks at it: structural positions, attention along edges.
 */
import { ConfigError } from '../errors.ts';
import { treeDepths, treeDistances } from './trees.ts';

/** The tree of a text and where its tokens stand in it; pieces of a word share the node of the word. */
export interface SourceStructure {
  /** For each token its node. */
  readonly nodes: readonly number[];
  /** For each node the place of its head, −1 for the root. */
  readonly heads: readonly number[];
  /** For each node the name of its relation to its head. */
  readonly relations: readonly string[];
}

/** The structure of a text with an end token behind it, a node of its own below the root. */
export function withEndToken({ nodes, heads, relations }: SourceStructure): SourceStructure {
  return {
    nodes: [...nodes, heads.length],
    heads: [...heads, heads.indexOf(-1)],
    relations: [...relations, 'end'],
  };
}

/** Writes the rows of each sequence's `[T, T]` into `[B, L, L]`, whose rest is `filler`. */
function squares(
  sizes: readonly number[],
  length: number,
  filler: number,
  of: (sequence: number, t: number, s: number) => number,
): Int32Array {
  const all = new Int32Array(sizes.length * length * length).fill(filler);
  sizes.forEach((size, n) => {
    for (let t = 0; t < size; t++)
      for (let s = 0; s < size; s++) all[(n * length + t) * length + s] = of(n, t, s);
  });
  return all;
}

/** The structures of the sequences of a batch, in order. */
export class BatchStructure {
  readonly sequences: readonly SourceStructure[];
  private readonly sizes: readonly number[];
  private readonly kept = new Map<string, Int32Array>();

  constructor(sequences: readonly SourceStructure[]) {
    this.sequences = sequences;
    this.sizes = sequences.map(({ nodes }) => nodes.length);
  }

  /** Tokens of the longest sequence. */
  get longest(): number {
    return Math.max(0, ...this.sizes);
  }

  /** Depth of each token's node: in a row `[N]`, or `[B, L]` with 0 for padding. */
  depths(length: number | 'packed'): Int32Array {
    return this.once(`depths ${length}`, () => {
      const each = this.sequences.map(({ nodes, heads }) => {
        const depths = treeDepths(heads);
        return nodes.map((node) => depths[node]!);
      });
      if (length === 'packed') return Int32Array.from(each.flat());
      const all = new Int32Array(each.length * length);
      each.forEach((row, n) => {
        all.set(row, n * length);
      });
      return all;
    });
  }

  /** Edges between the nodes of each two tokens, 0 within a word: `[B, L, L]`, −1 where one of the two is padding. */
  distances(length: number): Int32Array {
    return this.once(`distances ${length}`, () => {
      const each = this.sequences.map(({ heads }) => treeDistances(heads));
      return squares(this.sizes, length, -1, (n, t, s) => {
        const { nodes, heads } = this.sequences[n]!;
        return each[n]![nodes[t]! * heads.length + nodes[s]!]!;
      });
    });
  }

  /** Whatever a key makes of each two tokens' nodes, `[B, L, L]`, 0 where one of the two is padding. */
  pairs(
    key: string,
    length: number,
    of: (structure: SourceStructure, to: number, from: number) => number,
  ): Int32Array {
    return this.once(`${key} ${length}`, () =>
      squares(this.sizes, length, 0, (n, t, s) => {
        const structure = this.sequences[n]!;
        return of(structure, structure.nodes[t]!, structure.nodes[s]!);
      }),
    );
  }

  /** Layers ask for the same numbers one after the other. */
  private once(key: string, make: () => Int32Array): Int32Array {
    const found = this.kept.get(key) ?? make();
    this.kept.set(key, found);
    return found;
  }
}

/**
 * The structure that a mechanism cannot do without.
 *
 * @throws {ConfigError} when there is none
 */
export function neededStructure(where: string, structure: BatchStructure | null | undefined): BatchStructure {
  if (structure) return structure;
  throw new ConfigError({
    where,
    expected: 'sources with dependency trees',
    got: 'plain text',
    hint: 'give CoNLL-U: `format: conllu` in the data of an experiment, a CoNLL-U file to heed translate',
  });
}
