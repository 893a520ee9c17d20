/** A prefix tree over code points: all pieces that begin at one place of a text, in one walk. */

const NONE = -1;

/** Pieces → values; the edges of all nodes lie in one hash table. */
export class Trie {
  /** Where every walk begins. */
  static readonly root = 0;
  private parents: Int32Array;
  private symbols: Int32Array;
  private children: Int32Array;
  private numEdges = 0;
  private readonly values: number[] = [NONE];

  /** @param pieces - each with a value of at least 0; empty ones are left out, the last of equal ones counts */
  constructor(pieces: Iterable<readonly [piece: string, value: number]>) {
    this.parents = new Int32Array(1024).fill(NONE);
    this.symbols = new Int32Array(1024);
    this.children = new Int32Array(1024);
    for (const [piece, value] of pieces) {
      let node = Trie.root;
      for (const char of piece) node = this.addChild(node, char.codePointAt(0)!);
      if (node !== Trie.root) this.values[node] = value;
    }
  }

  /** The node that a symbol leads to; −1 when no piece goes on so. */
  child(node: number, symbol: number): number {
    return this.children[this.slot(node, symbol)]! - 1;
  }

  /** The value of the piece that ends in a node; −1 when none does. */
  value(node: number): number {
    return this.values[node]!;
  }

  /** The slot of an edge, or the free one where it belongs. */
  private slot(node: number, symbol: number): number {
    const mask = this.parents.length - 1;
    let at = (Math.imul(node, 0x9e3779b1) + Math.imul(symbol, 0x85ebca6b)) >>> 0;
    at = (at ^ (at >>> 15)) & mask;
    while (this.parents[at] !== NONE && (this.parents[at] !== node || this.symbols[at] !== symbol)) {
      at = (at + 1) & mask;
    }
    return at;
  }

  private addChild(node: number, symbol: number): number {
    const at = this.slot(node, symbol);
    if (this.parents[at] !== NONE) return this.children[at]! - 1;
    const child = this.values.push(NONE) - 1;
    this.parents[at] = node;
    this.symbols[at] = symbol;
    this.children[at] = child + 1;
    if (++this.numEdges * 2 > this.parents.length) this.grow();
    return child;
  }

  private grow(): void {
    const { parents, symbols, children } = this;
    this.parents = new Int32Array(2 * parents.length).fill(NONE);
    this.symbols = new Int32Array(2 * parents.length);
    this.children = new Int32Array(2 * parents.length);
    parents.forEach((parent, i) => {
      if (parent === NONE) return;
      const at = this.slot(parent, symbols[i]!);
      this.parents[at] = parent;
      this.symbols[at] = symbols[i]!;
      this.children[at] = children[i]!;
    });
  }
}
