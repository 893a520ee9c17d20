/** How a SentencePiece model cuts normalised text into pieces. */
import { FormatError } from '../errors.ts';
import type { WordPieces } from '../tokenizers/base.ts';
import { mergeSymbols, type Symbols } from '../tokenizers/bpe.ts';
import { BpeModel, type RankedMerge } from '../tokenizers/bpe-model.ts';
import { utf8Bytes } from '../tokenizers/byte-alphabet.ts';
import { Lattice } from '../tokenizers/lattice.ts';
import { bytePiece } from '../tokenizers/metaspace.ts';
import { matchWords, type Word } from '../tokenizers/pre-tokenize.ts';
import { Trie } from '../tokenizers/trie.ts';
import { lowest, placePieces, unknownPenalty } from '../tokenizers/unigram-model.ts';
import { WordCache } from '../tokenizers/word-cache.ts';
import type { SentencePieceFile } from './sentencepiece-file.ts';

/** Cuts text; a model of several segmentations gives the best ones, too. */
export interface SentencePieceModel {
  encode(text: string): WordPieces;
  nBest?(text: string, n: number): { readonly pieces: WordPieces; readonly score: number }[];
}

/** @throws FormatError for a model that cannot be followed exactly */
export function sentencePieceModel(file: SentencePieceFile, name: string): SentencePieceModel {
  const ids = new Map(file.pieces.map(({ text }, id) => [text, id]));
  const fallback = file.byteFallback ? byteFallback(file, ids, name) : () => undefined;
  return file.model === 'unigram' ? unigramModel(file, fallback) : bpeModel(file, ids, fallback, name);
}

type Fallback = (text: string) => readonly number[] | undefined;

function byteFallback(file: SentencePieceFile, ids: ReadonlyMap<string, number>, name: string): Fallback {
  const byteIds = Array.from({ length: 256 }, (_, byte) => {
    const id = ids.get(bytePiece(byte));
    if (id !== undefined && file.pieces[id]!.type === 'byte') return id;
    throw new FormatError({
      where: name,
      file: name,
      expected: 'a piece for every byte',
      got: `no ${bytePiece(byte)}`,
    });
  });
  return (text) => Array.from(utf8Bytes(text), (byte) => byteIds[byte]!);
}

function unigramModel({ pieces, unk }: SentencePieceFile, fallback: Fallback): SentencePieceModel {
  const normal = pieces.filter(({ type }) => type === 'normal').map(({ score }) => score);
  const entries = pieces.flatMap(({ text, type }, id): [string, number][] =>
    type === 'normal' || type === 'userDefined' ? [[text, id]] : [],
  );
  const lattice = new Lattice({
    trie: new Trie(entries),
    scores: Float64Array.from(pieces, ({ score }) => score),
    unk,
    unkScore: Math.fround(lowest(normal) - unknownPenalty),
  });
  return {
    // The library adds in single precision, and near ties hang on it.
    encode: (text) => placePieces(text, lattice.build(text).best(Math.fround), unk, fallback),
    nBest: (text, n) =>
      lattice
        .build(text)
        .nBest(n)
        .map((way) => ({ pieces: placePieces(text, way, unk, fallback), score: way.score })),
  };
}

function bpeModel(
  file: SentencePieceFile,
  ids: ReadonlyMap<string, number>,
  fallback: Fallback,
  name: string,
): SentencePieceModel {
  if (file.pieces.some(({ type }) => type === 'unused')) {
    throw new FormatError({
      where: name,
      file: name,
      expected: 'a BPE model without unused pieces',
      got: 'some',
    });
  }
  const model = new BpeModel(mergesOf(file, ids));
  const own = file.pieces.flatMap(({ text, type }, id) =>
    type === 'userDefined' ? [[text, id] as const] : [],
  );
  const cutter = new SymbolCutter(file, ids, new Trie(own));
  const cache = new WordCache<WordPieces>();
  const split = wordSplitter(file);
  const encodeWord = (word: string): WordPieces => {
    const { ids: found, starts, ends } = mergeSymbols(model, cutter.symbols(word));
    const pieces: WordPieces & { ids: number[]; starts: number[]; ends: number[] } = {
      ids: [],
      starts: [],
      ends: [],
    };
    found.forEach((id, i) => {
      const bytes = id === file.unk ? fallback(word.slice(starts[i], ends[i])) : undefined;
      for (const each of bytes ?? [id]) {
        pieces.ids.push(each);
        pieces.starts.push(starts[i]!);
        pieces.ends.push(ends[i]!);
      }
    });
    return pieces;
  };
  return {
    encode: (text) => {
      const all = { ids: [] as number[], starts: [] as number[], ends: [] as number[] };
      for (const word of split(text)) {
        const pieces = cache.get(word.text, encodeWord);
        pieces.ids.forEach((id, i) => {
          // Unknown symbols side by side are one.
          if (id === file.unk && all.ids.at(-1) === id) all.ends.pop();
          else {
            all.ids.push(id);
            all.starts.push(word.start + pieces.starts[i]!);
          }
          all.ends.push(word.start + pieces.ends[i]!);
        });
      }
      return all;
    },
  };
}

/** Any two pieces that make a third may be merged, those with the highest score first. */
function* mergesOf(file: SentencePieceFile, ids: ReadonlyMap<string, number>): Generator<RankedMerge> {
  const normalId = (text: string): number | undefined => {
    const id = ids.get(text);
    return id !== undefined && file.pieces[id]!.type === 'normal' ? id : undefined;
  };
  const byScore = file.pieces
    .map((piece, id) => ({ ...piece, id }))
    .filter(({ type }) => type === 'normal')
    .sort((a, b) => b.score - a.score || a.id - b.id);
  for (const [rank, { text, id: merged }] of byScore.entries()) {
    for (let cut = 1; cut < text.length; cut++) {
      const left = normalId(text.slice(0, cut));
      const right = left === undefined ? undefined : normalId(text.slice(cut));
      if (left !== undefined && right !== undefined) yield { left, right, merged, rank };
    }
  }
}

/** Pieces of the user's own, which no merge changes, and code points. */
class SymbolCutter {
  private readonly file: SentencePieceFile;
  private readonly ids: ReadonlyMap<string, number>;
  private readonly own: Trie;

  constructor(file: SentencePieceFile, ids: ReadonlyMap<string, number>, own: Trie) {
    this.file = file;
    this.ids = ids;
    this.own = own;
  }

  symbols(word: string): Symbols {
    const symbols: Symbols = { ids: [], starts: [], ends: [] };
    for (let at = 0; at < word.length; ) {
      const { id, end } = this.symbolAt(word, at);
      symbols.ids.push(id);
      symbols.starts.push(at);
      symbols.ends.push(end);
      at = end;
    }
    return symbols;
  }

  private symbolAt(word: string, at: number): { readonly id: number; readonly end: number } {
    const own = this.own.longestAt(word, at);
    if (own) return { id: own.value, end: own.end };
    const end = at + (word.codePointAt(at)! > 0xffff ? 2 : 1);
    const id = this.ids.get(word.slice(at, end));
    return { id: id !== undefined && this.file.pieces[id]!.type === 'normal' ? id : this.file.unk, end };
  }
}

/** Cuts text where no piece can cross, so that words can be remembered. */
function wordSplitter({ pieces, escapeSpaces }: SentencePieceFile): (text: string) => Word[] {
  const crosses = pieces.some(({ text }) => /[^▁]▁/u.test(text));
  if (crosses || !escapeSpaces) return (text) => (text === '' ? [] : [{ text, start: 0 }]);
  return (text) => matchWords(text, /▁+[^▁]*|[^▁]+/gu);
}
