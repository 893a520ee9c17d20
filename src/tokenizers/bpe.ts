/**
 * Byte-pair encoding as a tokenizer: over code points with an end-of-word mark, over bytes, or over code points
 * with ▁ for spaces.
 *
 * Papers: Sennrich, Haddow and Birch, ACL 2016 (arXiv 1508.07909); Radford et al. 2019 for the bytes.
 */
import { BaseTokenizer, isSpecial, type WordPieces } from './base.ts';
import { BpeModel, type Dropout, rankMerges } from './bpe-model.ts';
import { bytesToText, byteToChar, pieceBytes, utf8Bytes } from './byte-alphabet.ts';
import { byteOfId, joinMetaspace, splitMetaspace, unknownIds } from './metaspace.ts';
import { normalizeText } from './normalize.ts';
import { splitWords, type Word } from './pre-tokenize.ts';
import { checkSampling } from './sampling.ts';
import { specialIds } from './special-tokens.ts';
import type { BpeData, Merge, PreTokenizerName, Sampling } from './types.ts';
import { Vocabulary } from './vocabulary.ts';
import { WordCache } from './word-cache.ts';

/** The symbols that a word starts from, each with its place in the word (UTF-16 units). */
export interface Symbols {
  readonly ids: number[];
  readonly starts: number[];
  readonly ends: number[];
}

/** Merges the symbols of a word and gives each piece the place of the symbols in it. */
export function mergeSymbols(model: BpeModel, symbols: Symbols, dropout?: Dropout): WordPieces {
  const merged = model.merge(symbols.ids, dropout);
  return {
    ids: merged.ids,
    starts: merged.ends.map((_, i) => symbols.starts[i === 0 ? 0 : merged.ends[i - 1]!]!),
    ends: merged.ends.map((end) => symbols.ends[end - 1]!),
  };
}

abstract class BpeTokenizer extends BaseTokenizer {
  readonly kind = 'bpe' as const;
  protected readonly preTokenizer: PreTokenizerName;
  protected readonly merges: readonly Merge[];
  private readonly model: BpeModel;
  private readonly cache = new WordCache<WordPieces>();

  constructor(data: Omit<BpeData, 'vocab'>, pieces: readonly string[]) {
    super(new Vocabulary(data.specialTokens, pieces), data.normalizers);
    this.preTokenizer = data.preTokenizer;
    this.merges = data.merges;
    this.model = new BpeModel(rankMerges(this.vocabulary.pieces, data.merges));
  }

  protected abstract symbols(word: string): Symbols;

  protected split(text: string): Word[] {
    return this.preTokenizer === 'metaspace' ? splitMetaspace(text) : splitWords(text, this.preTokenizer);
  }

  protected encodeWord(word: string): WordPieces {
    return this.cache.get(word, (text) => mergeSymbols(this.model, this.symbols(text)));
  }

  /** BPE-dropout: nothing is remembered, every call draws again. */
  protected override sampleWord(word: string, sampling: Sampling): WordPieces {
    checkSampling(this.kind, ['dropout'], sampling);
    const { random, dropout = 0.1 } = sampling;
    return mergeSymbols(this.model, this.symbols(word), { random, probability: dropout });
  }

  protected bpeJSON() {
    const { kind, preTokenizer, merges } = this;
    return { ...this.commonJSON(), kind, preTokenizer, merges };
  }
}

/**
 * BPE over code points. The last one of a word carries the end-of-word mark; where that form is not in the
 * vocabulary, the mark follows as a piece of its own, so that the words come back as they were.
 */
export class EndOfWordBpeTokenizer extends BpeTokenizer {
  private readonly endOfWord: string;

  /** @param data - a checked saved form; use `loadTokenizer` or `trainTokenizer` */
  constructor(data: Omit<BpeData, 'vocab'> & { readonly endOfWord: string }, pieces: readonly string[]) {
    super(data, pieces);
    this.endOfWord = data.endOfWord;
  }

  normalize(text: string): string {
    return this.split(normalizeText(text, this.normalizers))
      .map((word) => word.text)
      .join(' ');
  }

  toJSON(): BpeData {
    return { ...this.bpeJSON(), endOfWord: this.endOfWord };
  }

  protected symbols(word: string): Symbols {
    const { pieces } = this.vocabulary;
    const symbols: Symbols = { ids: [], starts: [], ends: [] };
    const add = (id: number, start: number, end: number): void => {
      symbols.ids.push(id);
      symbols.starts.push(start);
      symbols.ends.push(end);
    };
    let at = 0;
    for (const char of word) {
      const end = at + char.length;
      const final = end === word.length ? pieces.get(char + this.endOfWord) : undefined;
      add(final ?? pieces.get(char) ?? specialIds.unk, at, end);
      if (end === word.length && final === undefined) add(pieces.get(this.endOfWord)!, end, end);
      at = end;
    }
    return symbols;
  }

  protected join(ids: readonly number[], tokenOf: (id: number) => string): string {
    let text = '';
    for (const id of ids) {
      const token = tokenOf(id);
      if (id === specialIds.unk) text += token;
      else if (isSpecial(id)) text += `${text && !text.endsWith(' ') ? ' ' : ''}${token} `;
      else if (token.endsWith(this.endOfWord)) text += `${token.slice(0, -this.endOfWord.length)} `;
      else text += token;
    }
    return text.endsWith(' ') ? text.slice(0, -1) : text;
  }
}

/** BPE over the UTF-8 bytes of GPT-2's words: nothing is unknown and any well-formed text comes back exactly. */
export class ByteLevelBpeTokenizer extends BpeTokenizer {
  private readonly byteIds: readonly number[];

  /** @param data - a checked saved form; use `loadTokenizer` or `trainTokenizer` */
  constructor(data: Omit<BpeData, 'vocab'>, pieces: readonly string[]) {
    super(data, pieces);
    this.byteIds = byteToChar.map((char) => this.vocabulary.pieces.get(char)!);
  }

  normalize(text: string): string {
    return normalizeText(text, this.normalizers);
  }

  toJSON(): BpeData {
    return this.bpeJSON();
  }

  protected symbols(word: string): Symbols {
    return byteSymbols(word, (byte) => this.byteIds[byte]!);
  }

  protected join(ids: readonly number[], tokenOf: (id: number) => string): string {
    const bytes: number[] = [];
    for (const id of ids) {
      const token = tokenOf(id);
      for (const byte of isSpecial(id) ? utf8Bytes(token) : pieceBytes(token)!) bytes.push(byte);
    }
    return bytesToText(bytes);
  }
}

/** BPE in the SentencePiece way: pieces side by side are the text, ▁ its spaces; see `metaspace.ts`. */
export class MetaspaceBpeTokenizer extends BpeTokenizer {
  private readonly byteFallback: boolean;

  /** @param data - a checked saved form; use `loadTokenizer` or `trainTokenizer` */
  constructor(data: Omit<BpeData, 'vocab'>, pieces: readonly string[]) {
    super(data, pieces);
    this.byteFallback = data.byteFallback ?? false;
  }

  normalize(text: string): string {
    return normalizeText(text, this.normalizers);
  }

  toJSON(): BpeData {
    return this.byteFallback ? { ...this.bpeJSON(), byteFallback: true } : this.bpeJSON();
  }

  protected symbols(word: string): Symbols {
    return fallbackSymbols(word, this.vocabulary.pieces, this.byteFallback);
  }

  protected join(ids: readonly number[], tokenOf: (id: number) => string): string {
    return joinMetaspace(ids, tokenOf, byteOfId(this.byteFallback));
  }
}

/** The code points of a word; one that is not a piece is unknown, or its bytes. */
function fallbackSymbols(word: string, pieces: ReadonlyMap<string, number>, byteFallback: boolean): Symbols {
  const symbols: Symbols = { ids: [], starts: [], ends: [] };
  let at = 0;
  for (const char of word) {
    const end = at + char.length;
    const id = pieces.get(char);
    const ids = id !== undefined ? [id] : unknownIds(char, byteFallback);
    for (const each of ids) {
      symbols.ids.push(each);
      symbols.starts.push(at);
      symbols.ends.push(end);
    }
    at = end;
  }
  return symbols;
}

/** One symbol for each UTF-8 byte of a word; a byte's place is the whole character that it belongs to. */
export function byteSymbols(word: string, idOf: (byte: number) => number): Symbols {
  const symbols: Symbols = { ids: [], starts: [], ends: [] };
  let start = 0;
  let end = 0;
  for (const byte of utf8Bytes(word)) {
    // 10xxxxxx continues a character; 11110xxx begins one that takes two UTF-16 units.
    if ((byte & 0xc0) !== 0x80) {
      start = end;
      end += byte >= 0xf0 ? 2 : 1;
    }
    symbols.ids.push(idOf(byte));
    symbols.starts.push(start);
    symbols.ends.push(end);
  }
  return symbols;
}
