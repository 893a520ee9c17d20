/** Pieces and their ids, with the special tokens kept apart from what text is looked up in. */
import { TokenizerError } from '../errors.ts';
import { numSpecialTokens, specialTexts } from './special-tokens.ts';
import type { SpecialTokens } from './types.ts';

/** token ↔ id. Ids 0 … 3 are the special tokens, the pieces follow in their order. */
export class Vocabulary {
  readonly tokens: readonly string[];
  readonly specialTokens: SpecialTokens<string>;
  /** Piece → id without the special tokens: the only table that text may reach. */
  readonly pieces: ReadonlyMap<string, number>;

  /** @param pieces - ordinary pieces, none equal to a special token's text */
  constructor(specialTokens: SpecialTokens<string>, pieces: readonly string[]) {
    this.specialTokens = specialTokens;
    this.tokens = [...specialTexts(specialTokens), ...pieces];
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

  /** The id of a piece or special token. */
  id(token: string): number | undefined {
    const special = specialTexts(this.specialTokens).indexOf(token);
    return special >= 0 ? special : this.pieces.get(token);
  }

  /** As it is saved: token → id. */
  toJSON(): Record<string, number> {
    return Object.fromEntries(this.tokens.map((token, id) => [token, id]));
  }
}
