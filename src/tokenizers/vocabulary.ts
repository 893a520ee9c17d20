/** Pieces and their ids, with the special tokens kept apart from what text is looked up in. */
import { TokenizerError } from '../errors.ts';
import { firstTexts, lastTexts, numSpecialTokens, specialIds, specialTexts } from './special-tokens.ts';
import type { SpecialTokens } from './types.ts';

/** token ↔ id. Ids 0 … 3 are special tokens, the pieces follow in their order, and the mask token where there is one. */
export class Vocabulary {
  readonly tokens: readonly string[];
  readonly specialTokens: SpecialTokens<string>;
  /** Piece → id without the special tokens: the only table that text may reach. */
  readonly pieces: ReadonlyMap<string, number>;

  /** @param pieces - ordinary pieces, none equal to a special token's text */
  constructor(specialTokens: SpecialTokens<string>, pieces: readonly string[]) {
    this.specialTokens = specialTokens;
    this.tokens = [...firstTexts(specialTokens), ...pieces, ...lastTexts(specialTokens)];
    this.pieces = new Map(pieces.map((piece, index) => [piece, index + numSpecialTokens]));
  }

  /** Number of ids, special tokens included. */
  get size(): number {
    return this.tokens.length;
  }

  /** @throws TokenizerError when there is no such id */
  token(id: number): string {
    const token = this.tokens[id];
    if (token === undefined) {
      throw new TokenizerError({
        where: 'Tokenizer.decode',
        expected: `ids from 0 to ${this.size - 1}`,
        got: String(id),
        hint: 'the ids come from another tokenizer or model',
      });
    }
    return token;
  }

  /** Ids of the special tokens. */
  get specialIds(): SpecialTokens<number> {
    const { mask } = this.specialTokens;
    return mask === undefined ? specialIds : { ...specialIds, mask: this.size - 1 };
  }

  /** Whether an id is that of a special token. */
  isSpecial(id: number): boolean {
    return id < numSpecialTokens || (this.specialTokens.mask !== undefined && id === this.size - 1);
  }

  /** The id of a piece or special token. */
  id(token: string): number | undefined {
    return specialTexts(this.specialTokens).includes(token)
      ? this.tokens.indexOf(token)
      : this.pieces.get(token);
  }

  /** As it is saved: token → id. */
  toJSON(): Record<string, number> {
    return Object.fromEntries(this.tokens.map((token, id) => [token, id]));
  }
}
