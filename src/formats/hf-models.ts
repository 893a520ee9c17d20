/** The models of a Hugging Face tokenizer.json: BPE, WordPiece and Unigram. */
import { FormatError, TokenizerError } from '../errors.ts';
import type { WordPieces } from '../tokenizers/base.ts';
import { byteSymbols, mergeSymbols, type Symbols } from '../tokenizers/bpe.ts';
import { BpeModel, rankMerges } from '../tokenizers/bpe-model.ts';
import { byteToChar, utf8Bytes } from '../tokenizers/byte-alphabet.ts';
import { Lattice } from '../tokenizers/lattice.ts';
import { bytePiece } from '../tokenizers/metaspace.ts';
import { Trie } from '../tokenizers/trie.ts';
import type { Merge } from '../tokenizers/types.ts';
import { lowest, placePieces, unknownPenalty } from '../tokenizers/unigram-model.ts';
import { WordPieceModel } from '../tokenizers/wordpiece.ts';

/** A model: its tokens and how it cuts a word. */
export interface PieceModel {
  readonly tokens: readonly (readonly [token: string, id: number])[];
  readonly unk: number | undefined;
  encode(word: string): WordPieces;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * @param byteLevel - the pre-tokenizer cuts words into bytes
 * @throws FormatError for a model or an option that is not supported
 * @throws TokenizerError when the parts of the model contradict each other
 */
export function readModel(model: unknown, byteLevel: boolean, file: string): PieceModel {
  const fields = (model ?? {}) as Fields;
  switch (typeOf(fields)) {
    case 'BPE':
      return readBpe(fields, byteLevel, file);
    case 'WordPiece':
      return readWordPiece(fields, file);
    case 'Unigram':
      return readUnigram(fields, file);
  }
  throw invalid(file, 'a model of type BPE, WordPiece or Unigram', fields.type);
}

/** Older files leave the type out. */
function typeOf({ type, vocab, merges, unk_id }: Fields): unknown {
  if (type !== undefined) return type;
  if (Array.isArray(merges)) return 'BPE';
  return Array.isArray(vocab) && unk_id !== undefined ? 'Unigram' : undefined;
}

function invalid(file: string, expected: string, got: unknown): FormatError {
  return new FormatError({ where: file, file, expected, got: JSON.stringify(got) ?? 'nothing' });
}

function readVocab({ vocab }: Fields, what: string, file: string): Map<string, number> {
  if (typeof vocab !== 'object' || vocab === null || Array.isArray(vocab)) throw invalid(file, what, vocab);
  return new Map(Object.entries(vocab as Readonly<Record<string, number>>));
}

function readBpe(fields: Fields, byteLevel: boolean, file: string): PieceModel {
  const what = 'a BPE model with vocab and merges';
  const vocab = readVocab(fields, what, file);
  if (!Array.isArray(fields.merges)) throw invalid(file, what, fields.merges);
  for (const option of ['dropout', 'continuing_subword_prefix', 'ignore_merges']) {
    if (fields[option]) throw invalid(file, `a BPE model without ${option}`, fields[option]);
  }
  const merges = readMerges(fields.merges as readonly (string | Merge)[], vocab, file);
  const model = new BpeModel(rankMerges(vocab, merges));
  const unk = typeof fields.unk_token === 'string' ? vocab.get(fields.unk_token) : undefined;
  const suffix = typeof fields.end_of_word_suffix === 'string' ? fields.end_of_word_suffix : '';
  const options = {
    unk,
    suffix,
    fuse: Boolean(fields.fuse_unk),
    byteFallback: Boolean(fields.byte_fallback),
  };
  const symbols = (word: string): Symbols =>
    bpeSymbols(byteLevel ? byteUnits(word) : codePointUnits(word), vocab, options);
  return { tokens: [...vocab], unk, encode: (word) => mergeSymbols(model, symbols(word)) };
}

interface Unit {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

function byteUnits(word: string): Unit[] {
  const { ids, starts, ends } = byteSymbols(word, (byte) => byte);
  return ids.map((byte, i) => ({ text: byteToChar[byte]!, start: starts[i]!, end: ends[i]! }));
}

function codePointUnits(word: string): Unit[] {
  let end = 0;
  return Array.from(word, (text) => ({ text, start: end, end: (end += text.length) }));
}

/**
 * A symbol that the vocabulary lacks is its bytes where the vocabulary has them, else unknown, or left out where
 * the file names no unknown token.
 */
function bpeSymbols(
  units: readonly Unit[],
  vocab: ReadonlyMap<string, number>,
  options: { unk: number | undefined; suffix: string; fuse: boolean; byteFallback: boolean },
): Symbols {
  const symbols: Symbols = { ids: [], starts: [], ends: [] };
  const add = (id: number, { start, end }: Unit): void => {
    symbols.ids.push(id);
    symbols.starts.push(start);
    symbols.ends.push(end);
  };
  let afterUnknown = false;
  units.forEach((unit, i) => {
    const id = vocab.get(i + 1 === units.length ? unit.text + options.suffix : unit.text);
    const bytes = id === undefined && options.byteFallback ? byteIds(unit.text, vocab) : undefined;
    const isUnknown = id === undefined && bytes === undefined;
    if (isUnknown && options.unk !== undefined) {
      if (options.fuse && afterUnknown) symbols.ends[symbols.ends.length - 1] = unit.end;
      else add(options.unk, unit);
    } else for (const known of bytes ?? (id === undefined ? [] : [id])) add(known, unit);
    afterUnknown = isUnknown;
  });
  return symbols;
}

/** The ids of the bytes of a symbol; undefined when one of them has none. */
function byteIds(text: string, vocab: ReadonlyMap<string, number>): number[] | undefined {
  const ids = Array.from(utf8Bytes(text), (byte) => vocab.get(bytePiece(byte)));
  return ids.every((id) => id !== undefined) ? ids : undefined;
}

function readMerges(
  merges: readonly (string | Merge)[],
  vocab: ReadonlyMap<string, number>,
  file: string,
): readonly Merge[] {
  return merges.map((merge, rank) => {
    const parts = typeof merge === 'string' ? splitMerge(merge, vocab) : merge;
    if (!Array.isArray(parts) || parts.length !== 2) {
      const got = JSON.stringify(merge);
      throw new TokenizerError({ where: file, expected: `merge ${rank} to be two pieces`, got });
    }
    const [left, right] = parts as unknown as Merge;
    const missing = [left, right, left + right].find((piece) => !vocab.has(piece));
    if (missing === undefined) return [left, right];
    throw new TokenizerError({ where: file, problem: `merge ${rank}: '${missing}' not in vocab` });
  });
}

/** The two pieces of `left right`; where pieces hold spaces themselves, the cut that gives known ones. */
function splitMerge(text: string, vocab: ReadonlyMap<string, number>): readonly string[] {
  const parts = text.split(' ');
  if (parts.length <= 2) return parts;
  for (let at = text.indexOf(' '); at >= 0; at = text.indexOf(' ', at + 1)) {
    const [left, right] = [text.slice(0, at), text.slice(at + 1)];
    if (vocab.has(left) && vocab.has(right) && vocab.has(left + right)) return [left, right];
  }
  return parts;
}

function readWordPiece(fields: Fields, file: string): PieceModel {
  const vocab = readVocab(fields, 'a WordPiece model with vocab', file);
  const { unk_token = '[UNK]', continuing_subword_prefix = '##', max_input_chars_per_word = 100 } = fields;
  const prefix = String(continuing_subword_prefix);
  const unk = vocab.get(String(unk_token));
  if (unk === undefined) throw invalid(file, 'the unknown token in vocab', unk_token);
  const continuations = new Map<string, number>();
  for (const [piece, id] of vocab) {
    if (piece.startsWith(prefix)) continuations.set(piece.slice(prefix.length), id);
  }
  const maxWordLength = Number(max_input_chars_per_word);
  const model = new WordPieceModel(vocab, continuations, { maxWordLength, unk });
  return { tokens: [...vocab], unk, encode: (word) => model.encode(word) };
}

function readUnigram(fields: Fields, file: string): PieceModel {
  const { vocab, unk_id: unk, byte_fallback: byteFallback } = fields;
  const isPiece = (entry: unknown): boolean =>
    Array.isArray(entry) && typeof entry[0] === 'string' && typeof entry[1] === 'number';
  if (!Array.isArray(vocab) || !vocab.every(isPiece)) {
    throw invalid(file, 'a Unigram model with vocab as pieces and scores', typeof vocab);
  }
  const pieces = vocab as readonly (readonly [string, number])[];
  if (!Number.isSafeInteger(unk) || (unk as number) < 0 || (unk as number) >= pieces.length) {
    throw invalid(file, `unk_id from 0 to ${pieces.length - 1}`, unk);
  }
  const ids = new Map(pieces.map(([piece], id) => [piece, id]));
  const scores = Float64Array.from(pieces, ([, score]) => score);
  const unknown = unk as number;
  const lattice = new Lattice({
    trie: new Trie(ids),
    scores,
    unk: unknown,
    unkScore: lowest(scores) - unknownPenalty,
  });
  const fallback = byteFallback ? (text: string) => byteIds(text, ids) : undefined;
  return {
    tokens: [...ids],
    unk: unknown,
    encode: (word) => placePieces(word, lattice.build(word).best(), unknown, fallback),
  };
}
