/**
 * Reads the `.model` files of SentencePiece: unigram and BPE, with their normalisation, byte fallback and pieces of
 * the user's own.
 *
 * Paper: Kudo and Richardson, SentencePiece, EMNLP 2018 (arXiv 1808.06226).
 */
import { TokenizerError } from '../errors.ts';
import type { WordPieces } from '../tokenizers/base.ts';
import { SPACE_MARK } from '../tokenizers/metaspace.ts';
import { originalSpan } from '../tokenizers/normalize.ts';
import { refuseSampling } from '../tokenizers/sampling.ts';
import type { DecodeOptions, EncodeOptions, Encoding, ScoredIds, TokenCodec } from '../tokenizers/types.ts';
import { readSentencePieceFile, type SentencePieceFile } from './sentencepiece-file.ts';
import { type SentencePieceModel, sentencePieceModel } from './sentencepiece-models.ts';
import { SentencePieceNormalizer } from './sentencepiece-normalizer.ts';

/**
 * Makes a tokenizer from the bytes of a SentencePiece `.model` file.
 *
 * @param file - named in errors
 * @throws FormatError when the bytes are damaged, or the model is neither unigram nor BPE
 * @example
 * const tokenizer = loadSentencePiece(readFileSync('m.model'), 'm.model');
 * tokenizer.decode(tokenizer.encode('Hello world.')); // 'Hello world.'
 */
export function loadSentencePiece(bytes: Uint8Array, file = 'sentencepiece.model'): SentencePieceTokenizer {
  return new SentencePieceTokenizer(readSentencePieceFile(bytes, file), file);
}

/** A tokenizer read by `loadSentencePiece`. Text never becomes a control token. */
export class SentencePieceTokenizer implements TokenCodec {
  /** Ids of the special tokens that the model has. */
  readonly specialTokens: {
    readonly unk: number;
    readonly bos?: number;
    readonly eos?: number;
    readonly pad?: number;
  };
  private readonly file: SentencePieceFile;
  private readonly ids: ReadonlyMap<string, number>;
  private readonly normalizer: SentencePieceNormalizer;
  private readonly model: SentencePieceModel;

  /** @param name - of the file, for errors */
  constructor(file: SentencePieceFile, name: string) {
    this.file = file;
    this.ids = new Map(file.pieces.map(({ text }, id) => [text, id]));
    this.normalizer = new SentencePieceNormalizer(file);
    this.model = sentencePieceModel(file, name);
    const { unk, bos, eos, pad } = file;
    this.specialTokens = {
      unk,
      ...(bos >= 0 && { bos }),
      ...(eos >= 0 && { eos }),
      ...(pad >= 0 && { pad }),
    };
  }

  get vocabSize(): number {
    return this.file.pieces.length;
  }

  encode(text: string, options: EncodeOptions = {}): number[] {
    return this.encodeWithOffsets(text, options).ids;
  }

  encodeWithOffsets(text: string, options: EncodeOptions = {}): Encoding {
    if (options.sampling) refuseSampling('a SentencePiece file');
    const aligned = this.normalizer.normalize(text);
    const { ids, starts, ends } = this.model.encode(aligned.text);
    const { bos, eos } = this.specialTokens;
    const encoding: Encoding = { ids: [], offsets: [] };
    const add = (id: number, span: [number, number]): void => {
      encoding.ids.push(id);
      encoding.offsets.push(span);
    };
    if (options.addBos && bos !== undefined) add(bos, [0, 0]);
    ids.forEach((id, i) => {
      add(id, originalSpan(aligned, starts[i]!, ends[i]!));
    });
    if (options.addEos && eos !== undefined) add(eos, [text.length, text.length]);
    return encoding;
  }

  /**
   * The n best segmentations, the best one first; a BPE model has one.
   *
   * @param n - at least 1
   */
  nBest(text: string, n: number): ScoredIds[] {
    const { text: normalized } = this.normalizer.normalize(text);
    const single = (pieces: WordPieces) => [{ pieces, score: 0 }];
    const ways = this.model.nBest?.(normalized, n) ?? single(this.model.encode(normalized));
    return ways.map(({ pieces, score }) => ({ ids: pieces.ids, score }));
  }

  tokenize(text: string): string[] {
    return this.encode(text).map((id) => this.token(id));
  }

  /** As the library does: control tokens vanish, unless they are asked for, and unknown ones become ` ⁇ `. */
  decode(ids: ArrayLike<number>, options: DecodeOptions = {}): string {
    const { skipSpecialTokens = true } = options;
    const { addDummyPrefix, removeExtraSpaces, unknownSurface } = this.file;
    let text = '';
    let bytes: number[] = [];
    let mayBegin = addDummyPrefix || removeExtraSpaces;
    for (const id of Array.from(ids)) {
      let piece = this.token(id);
      const { type } = this.file.pieces[id]!;
      if (type === 'byte') {
        bytes.push(Number(piece.slice(1, -1)));
        continue;
      }
      text += decodeBytes(bytes);
      bytes = [];
      if (type === 'control') piece = skipSpecialTokens ? '' : piece;
      else if (type === 'unknown') piece = unknownSurface;
      else if (mayBegin && text === '' && piece.startsWith(SPACE_MARK)) {
        piece = piece.slice(SPACE_MARK.length);
        // Only one mark was put before the text; but where extra spaces go, all at its beginning do.
        mayBegin = removeExtraSpaces;
      }
      text += piece.replaceAll(SPACE_MARK, ' ');
    }
    return text + decodeBytes(bytes);
  }

  token(id: number): string {
    const piece = this.file.pieces[id];
    if (piece) return piece.text;
    const expected = `ids from 0 to ${this.vocabSize - 1}`;
    throw new TokenizerError({ where: 'SentencePieceTokenizer', expected, got: String(id) });
  }

  id(token: string): number | undefined {
    return this.ids.get(token);
  }
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF-8; each byte that is none becomes U+FFFD. */
function decodeBytes(bytes: readonly number[]): string {
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at]!;
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    try {
      text += strict.decode(Uint8Array.from(bytes.slice(at, at + length)));
      at += length;
    } catch {
      text += '\ufffd';
      at++;
    }
  }
  return text;
}
