/** A prefix tree over code points: all pieces that begin at one place of a text, in one walk. */
import { PairMap } from './pair-map.ts';

const NONE = -1;

/** Pieces → values. */
export class Trie {
  /** Where every walk begins. */
  static readonly root = 0;
  /** (node, code point) → node. */
  private readonly children = new PairMap();
  private readonly values: number[] = [NONE];

  /** @param pieces - each with a value of at least 0; empty ones are left out, the last of equal ones counts */
  constructor(pieces: Iterable<readonly [piece: string, value: number]>) {
    for (const [piece, value] of pieces) {
      let node = Trie.root;
      for (const char of piece) node = this.grow(node, char.codePointAt(0)!);
      if (node !== Trie.root) this.values[node] = value;
    }
  }

  /** The node that a symbol leads to; −1 when no piece goes on so. */
  child(node: number, symbol: number): number {
    return this.children.get(node, symbol);
  }

  /** The value of the piece that ends in a node; −1 when none does. */
  value(node: number): number {
    return this.values[node]!;
  }

  /** The longest piece that stands at a place of a text: its value, and the place after it in UTF-16 units. */
  longestAt(text: string, at: number): { readonly value: number; readonly end: number } | undefined {
    let longest: { value: number; end: number } | undefined;
    let node = Trie.root;
    for (let end = at; end < text.length; ) {
      const symbol = text.codePointAt(end)!;
      node = this.child(node, symbol);
      if (node < 0) break;
      end += symbol > 0xffff ? 2 : 1;
      const value = this.value(node);
      if (value >= 0) longest = { value, end };
    }
    return longest;
  }

  private grow(node: number, symbol: number): number {
    const known = this.children.get(node, symbol);
    if (known !== NONE) return known;
    const child = this.values.push(NONE) - 1;
    this.children.set(node, symbol, child);
    return child;
  }
}
