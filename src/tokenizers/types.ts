/** The words of this folder: what a tokenizer does, how one is configured, and what is saved of it. */
import type { Random } from '../core/random.ts';

/** A step that rewrites text before it is split; see `normalize.ts`. */
export type NormalizerName = 'nfc' | 'nfkc' | 'lowercase' | 'stripAccents';

/** How text is split before the model sees it; see `pre-tokenize.ts`. */
export type PreTokenizerName = 'whitespace' | 'punctuation' | 'byteLevel' | 'bert' | 'metaspace';

/** Which model turns a word into pieces. */
export type TokenizerKind = 'word' | 'char' | 'bpe' | 'wordpiece' | 'unigram';

/** One value for each special token. Their ids are 0, 1, 2, 3 in this order; that of `mask` is the last one. */
export interface SpecialTokens<T> {
  readonly pad: T;
  readonly unk: T;
  readonly bos: T;
  readonly eos: T;
  /** Stands for a hidden token; only tokenizers of masked language models have it. */
  readonly mask?: T;
}

/**
 * Draws one of the segmentations of a text instead of taking the best one, so that a model sees many of them.
 *
 * Papers: Kudo, Subword Regularization, ACL 2018 (arXiv 1804.10959), for `unigram`; Provilkov, Emelianenko and
 * Voita, BPE-Dropout, ACL 2020 (arXiv 1910.13267), for `bpe`.
 */
export interface Sampling {
  /** Where the chance comes from. */
  readonly random: Random;
  /** `bpe`: probability that a merge is passed over; 0 gives the plain segmentation. Default 0.1. */
  readonly dropout?: number;
  /** `unigram`: a segmentation is drawn with a probability ∝ P^alpha; large is close to the best. Default 0.1. */
  readonly alpha?: number;
  /** `unigram`: draw among this many best segmentations; among all of them by default. */
  readonly nBest?: number;
}

/** A segmentation and its log probability. */
export interface ScoredIds {
  readonly ids: readonly number[];
  readonly score: number;
}

/** Which marks `encode` adds, and whether it draws. */
export interface EncodeOptions {
  /** Put the id of `bos` first. Default false. */
  readonly addBos?: boolean;
  /** Put the id of `eos` last. Default false. */
  readonly addEos?: boolean;
  /** Draw a segmentation; only kinds that have several (`bpe`, `unigram`) can. */
  readonly sampling?: Sampling;
}

/** What `decode` leaves out. */
export interface DecodeOptions {
  /** Leave special tokens, the unknown one included, out of the text. Default true. */
  readonly skipSpecialTokens?: boolean;
  /** Texts of the ids beyond the vocabulary, see `ExtendedVocabulary`. None by default. */
  readonly words?: readonly string[];
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
  /** The ids of the special tokens that it has. */
  readonly specialTokens: Partial<SpecialTokens<number>>;
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

/** How a source text and what is written of it become ids and text again. */
export interface PairCodec {
  /** Ids of the source text. */
  readonly source: readonly number[];
  /** Ids of a target text. */
  encode(target: string): number[];
  /** Text of target ids. */
  decode(ids: readonly number[]): string;
  sourceToken(id: number): string;
  targetToken(id: number): string;
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

/**
 * Byte-pair encoding: over bytes with `preTokenizer: 'byteLevel'`, over code points with a mark of where words
 * begin with `'metaspace'` (the SentencePiece way), else over code points with an end-of-word mark.
 */
export interface BpeConfig extends CommonConfig {
  readonly kind: 'bpe';
  /** Default `whitespace`. */
  readonly preTokenizer?: PreTokenizerName;
  /** Vocabulary size, special tokens included. Give this or `numMerges`. */
  readonly vocabSize?: number;
  readonly numMerges?: number;
  /** Pairs rarer than this are not merged: 2 stops at pair frequency 1. Default 2. */
  readonly minFrequency?: number;
  /** Pairs that are chosen from one count, the best ones; 1 counts again before every merge. Default 1. */
  readonly mergesPerStep?: number;
  /** Keep only this many of the most frequent code points; the others become unknown. */
  readonly limitAlphabet?: number;
  /** Default `</w>`; at least two characters, no whitespace. Not for `byteLevel` and `metaspace`. */
  readonly endOfWord?: string;
  /** With `metaspace`: a code point that is not in the vocabulary becomes its UTF-8 bytes. Default false. */
  readonly byteFallback?: boolean;
}

/** WordPiece: word beginnings and `##` continuations, the longest match first. */
export interface WordPieceConfig extends CommonConfig {
  readonly kind: 'wordpiece';
  /** Default `bert`: white space, every punctuation character and every ideograph by itself. */
  readonly preTokenizer?: 'whitespace' | 'punctuation' | 'bert';
  /** Vocabulary size, special tokens included. Give this or `numMerges`. */
  readonly vocabSize?: number;
  readonly numMerges?: number;
  /** Pairs rarer than this are not merged. Default 2. */
  readonly minFrequency?: number;
  /** Pairs that are chosen from one count, the best ones. Default 1. */
  readonly mergesPerStep?: number;
  /** Keep only this many of the most frequent code points; words with others become unknown. */
  readonly limitAlphabet?: number;
  /**
   * Which pair is merged next: `likelihood`, the highest f(ab) / (f(a) f(b)), as the papers say (default), or
   * `frequency`, the highest f(ab), as the trainer of Hugging Face's library does.
   */
  readonly score?: 'likelihood' | 'frequency';
  /** Mark of a piece that continues a word. Default `##`. */
  readonly continuation?: string;
  /** A word of more code points is unknown. Default 100. */
  readonly maxWordLength?: number;
}

/** A unigram language model over pieces, with ▁ for spaces. */
export interface UnigramConfig extends CommonConfig {
  readonly kind: 'unigram';
  /** Vocabulary size, special tokens included. */
  readonly vocabSize: number;
  /** Code points of the longest piece. Default 16. */
  readonly maxPieceLength?: number;
  /** Pieces that pruning keeps each time, as a share. Default 0.75. */
  readonly shrinkingFactor?: number;
  /** EM steps between two prunings. Default 2. */
  readonly emSteps?: number;
  /** Candidates that training begins with. Default 1,000,000. */
  readonly seedSize?: number;
  /** Take counts down (digamma), so that rare pieces leave; false is plain EM. Default true. */
  readonly sparsePrior?: boolean;
  /** Keep only this many of the most frequent code points; the others become unknown. */
  readonly limitAlphabet?: number;
  /** A code point that is not in the vocabulary becomes its UTF-8 bytes. Default false. */
  readonly byteFallback?: boolean;
}

/** What to learn, by kind. */
export type TokenizerConfig = WordConfig | CharConfig | BpeConfig | WordPieceConfig | UnigramConfig;

/** A pair of pieces that become one; its place in the list is its rank. */
export type Merge = readonly [left: string, right: string];

/** The fields that every kind saves. */
export interface CommonData {
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
  /** Absent for the byte level and metaspace. */
  readonly endOfWord?: string;
  /** Present where the vocabulary holds the 256 bytes `<0x00>` … `<0xFF>`. */
  readonly byteFallback?: true;
  readonly merges: readonly Merge[];
}

/** A WordPiece tokenizer as it is saved. */
export interface WordPieceData extends CommonData {
  readonly kind: 'wordpiece';
  readonly preTokenizer: 'whitespace' | 'punctuation' | 'bert';
  readonly continuation: string;
  readonly maxWordLength: number;
}

/** A unigram tokenizer as it is saved. */
export interface UnigramData extends CommonData {
  readonly kind: 'unigram';
  /** Present where the vocabulary holds the 256 bytes `<0x00>` … `<0xFF>`, which have score 0. */
  readonly byteFallback?: true;
  /** Log probability of each ordinary piece, in the order of the ids. */
  readonly scores: readonly number[];
}

/** The content of a `tokenizer.json` of heed. */
export type TokenizerData = WordData | CharData | BpeData | WordPieceData | UnigramData;
