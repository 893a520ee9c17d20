/** The words of this folder: what a tokenizer does, how one is configured, and what is saved of it. */

/** A step that rewrites text before it is split; see `normalize.ts`. */
export type NormalizerName = 'nfc' | 'nfkc' | 'lowercase' | 'stripAccents';

/** How text is split before the model sees it; see `pre-tokenize.ts`. */
export type PreTokenizerName = 'whitespace' | 'punctuation' | 'byteLevel';

/** Which model turns a word into pieces. */
export type TokenizerKind = 'word' | 'char' | 'bpe';

/** One value for each special token. Their ids are 0, 1, 2, 3 in this order. */
export interface SpecialTokens<T> {
  readonly pad: T;
  readonly unk: T;
  readonly bos: T;
  readonly eos: T;
}

/** Which marks `encode` adds. */
export interface EncodeOptions {
  /** Put the id of `bos` first. Default false. */
  readonly addBos?: boolean;
  /** Put the id of `eos` last. Default false. */
  readonly addEos?: boolean;
}

/** What `decode` leaves out. */
export interface DecodeOptions {
  /** Leave special tokens, the unknown one included, out of the text. Default true. */
  readonly skipSpecialTokens?: boolean;
}

/** Ids and where each came from. */
export interface Encoding {
  readonly ids: number[];
  /** `[start, end)` of each id in the text that was given, in UTF-16 units: `text.slice(start, end)`. */
  readonly offsets: [number, number][];
}

/** What every tokenizer can do, whichever file it came from. */
export interface TokenCodec {
  /** Number of ids, special tokens included. */
  readonly vocabSize: number;
  encode(text: string, options?: EncodeOptions): number[];
  encodeWithOffsets(text: string, options?: EncodeOptions): Encoding;
  /** The pieces of a text, the unknown token where a piece is not in the vocabulary. */
  tokenize(text: string): string[];
  /** @throws TokenizerError when an id is not in the vocabulary */
  decode(ids: ArrayLike<number>, options?: DecodeOptions): string;
  /** @throws TokenizerError when the id is not in the vocabulary */
  token(id: number): string;
  id(token: string): number | undefined;
}

/** A tokenizer of heed's own. */
export interface Tokenizer extends TokenCodec {
  readonly kind: TokenizerKind;
  readonly specialTokens: SpecialTokens<number>;
  /** The text that `decode(encode(text))` gives when every piece is in the vocabulary. */
  normalize(text: string): string;
  /** Everything needed to make the same tokenizer again with `loadTokenizer`. */
  toJSON(): TokenizerData;
}

/** What training reached; the caller decides whether it is enough. */
export interface TrainingReport {
  /** Vocabulary size that was asked for; undefined when no limit was set. */
  readonly requested: number | undefined;
  readonly reached: number;
  /**
   * `reached`: the requested size was reached. `minFrequency`: all that is left is rarer than minFrequency.
   * `exhausted`: the text has nothing left to learn.
   */
  readonly reason: 'reached' | 'minFrequency' | 'exhausted';
}

/** A tokenizer that has just been trained. */
export interface TrainedTokenizer extends Tokenizer {
  readonly report: TrainingReport;
}

interface CommonConfig {
  /** Applied in this order; none by default. */
  readonly normalizers?: readonly NormalizerName[];
  /** Texts of the special tokens; `<pad> <unk> <s> </s>` by default. */
  readonly specialTokens?: Partial<SpecialTokens<string>>;
}

/** Whole words. */
export interface WordConfig extends CommonConfig {
  readonly kind: 'word';
  readonly preTokenizer?: 'whitespace' | 'punctuation';
  /** Words rarer than this become unknown. Default 1. */
  readonly minFrequency?: number;
  /** Vocabulary size, special tokens included. */
  readonly maxVocabSize?: number;
  /** A word that ends in this mark joins the next one when decoding, as subword-nmt's `@@`. */
  readonly continuation?: string;
}

/** Unicode code points. */
export interface CharConfig extends CommonConfig {
  readonly kind: 'char';
  /** Code points rarer than this become unknown. Default 1. */
  readonly minFrequency?: number;
  /** Vocabulary size, special tokens included. */
  readonly maxVocabSize?: number;
}

/** Byte-pair encoding: over bytes with `preTokenizer: 'byteLevel'`, else over code points with an end-of-word mark. */
export interface BpeConfig extends CommonConfig {
  readonly kind: 'bpe';
  /** Default `whitespace`. */
  readonly preTokenizer?: PreTokenizerName;
  /** Vocabulary size, special tokens included. Give this or `numMerges`. */
  readonly vocabSize?: number;
  readonly numMerges?: number;
  /** Pairs rarer than this are not merged. Default 2. */
  readonly minFrequency?: number;
  /** Keep only this many of the most frequent code points; the others become unknown. */
  readonly limitAlphabet?: number;
  /** Default `</w>`; at least two characters, no whitespace. */
  readonly endOfWord?: string;
}

/** What to learn, by kind. */
export type TokenizerConfig = WordConfig | CharConfig | BpeConfig;

/** A pair of pieces that become one; its place in the list is its rank. */
export type Merge = readonly [left: string, right: string];

interface CommonData {
  readonly format: 'heed-tokenizer';
  readonly version: 1;
  readonly normalizers: readonly NormalizerName[];
  readonly specialTokens: SpecialTokens<string>;
  /** Piece → id; the ids are 0 … size−1. */
  readonly vocab: Readonly<Record<string, number>>;
}

/** A word tokenizer as it is saved. */
export interface WordData extends CommonData {
  readonly kind: 'word';
  readonly preTokenizer: 'whitespace' | 'punctuation';
  readonly continuation?: string;
}

/** A character tokenizer as it is saved. */
export interface CharData extends CommonData {
  readonly kind: 'char';
}

/** A byte-pair tokenizer as it is saved. */
export interface BpeData extends CommonData {
  readonly kind: 'bpe';
  readonly preTokenizer: PreTokenizerName;
  /** Absent for the byte level. */
  readonly endOfWord?: string;
  readonly merges: readonly Merge[];
}

/** The content of a `tokenizer.json` of heed. */
export type TokenizerData = WordData | CharData | BpeData;
