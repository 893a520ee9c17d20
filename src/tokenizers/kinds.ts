/** The kinds of tokenizer, one line each. */
import { bpeKind } from './bpe-kind.ts';
import { charKind } from './char.ts';
import type { KindDefinition } from './kind.ts';
import type { TokenizerKind } from './types.ts';
import { unigramKind } from './unigram.ts';
import { wordKind } from './word.ts';
import { wordPieceKind } from './wordpiece.ts';

/** Each kind's definition by its name. */
export const kinds: Readonly<Record<TokenizerKind, KindDefinition>> = {
  word: wordKind,
  char: charKind,
  bpe: bpeKind,
  wordpiece: wordPieceKind,
  unigram: unigramKind,
};

/** The kinds of tokenizer. */
export const tokenizerKinds = Object.keys(kinds) as readonly TokenizerKind[];
