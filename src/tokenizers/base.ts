/** What all kinds share: normalise, split into words, let the model encode each word, put the ids in a row. */
import { normalizeAligned, normalizeText, originalSpan } from './normalize.ts';
import type { Word } from './pre-tokenize.ts';
import { refuseSampling } from './sampling.ts';
import { numSpecialTokens, specialIds } from './special-tokens.ts';
import type {
  DecodeOptions,
  EncodeOptions,
  Encoding,
  NormalizerName,
  Sampling,
  SpecialTokens,
  Tokenizer,
  TokenizerData,
  TokenizerKind,
} from './types.ts';
import type { Vocabulary } from './vocabulary.ts';

/** The pieces of one word; places are UTF-16 units inside the word. */
export interface WordPieces {
  readonly ids: readonly number[];
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

/** Common part of the tokenizers; a kind says how text is split, how a word is encoded and how pieces join. */
export abstract class BaseTokenizer implements Tokenizer {
  abstract readonly kind: TokenizerKind;
  readonly specialTokens: SpecialTokens<number>;
  readonly vocabulary: Vocabulary;
  readonly normalizers: readonly NormalizerName[];

  constructor(vocabulary: Vocabulary, normalizers: readonly NormalizerName[]) {
    this.vocabulary = vocabulary;
    this.specialTokens = vocabulary.specialIds;
    this.normalizers = normalizers;
  }

  /** The words of a normalised text; one that starts at −1 has a mark before it that is not in the text. */
  protected abstract split(text: string): Word[];
  protected abstract encodeWord(word: string): WordPieces;
  /** Draws one segmentation of a word; a kind that has several overrides it. */
  protected sampleWord(_word: string, _sampling: Sampling): WordPieces {
    return refuseSampling(`kind ${this.kind}`);
  }

  /** Text of ids; special tokens among them stand as their text. */
  protected abstract join(ids: readonly number[], token: (id: number) => string): string;
  abstract normalize(text: string): string;
  abstract toJSON(): TokenizerData;

  get vocabSize(): number {
    return this.vocabulary.size;
  }

  encode(text: string, options: EncodeOptions = {}): number[] {
    const ids: number[] = options.addBos ? [specialIds.bos] : [];
    for (const pieces of this.segment(this.split(normalizeText(text, this.normalizers)), options.sampling)) {
      for (const id of pieces.ids) ids.push(id);
    }
    if (options.addEos) ids.push(specialIds.eos);
    return ids;
  }

  encodeWithOffsets(text: string, options: EncodeOptions = {}): Encoding {
    const ids: number[] = options.addBos ? [specialIds.bos] : [];
    const offsets: [number, number][] = options.addBos ? [[0, 0]] : [];
    const aligned = normalizeAligned(text, this.normalizers);
    const words = this.split(aligned.text);
    this.segment(words, options.sampling).forEach((pieces, at) => {
      const place = (unit: number): number => Math.max(0, words[at]!.start + unit);
      pieces.ids.forEach((id, i) => {
        ids.push(id);
        offsets.push(originalSpan(aligned, place(pieces.starts[i]!), place(pieces.ends[i]!)));
      });
    });
    if (options.addEos) {
      ids.push(specialIds.eos);
      offsets.push([text.length, text.length]);
    }
    return { ids, offsets };
  }

  /** The pieces of each word. */
  protected segment(words: readonly Word[], sampling: Sampling | undefined): WordPieces[] {
    return words.map(({ text }) => (sampling ? this.sampleWord(text, sampling) : this.encodeWord(text)));
  }

  tokenize(text: string): string[] {
    return this.encode(text).map((id) => this.token(id));
  }

  decode(ids: ArrayLike<number>, options: DecodeOptions = {}): string {
    const { skipSpecialTokens = true, words = [] } = options;
    const token = (id: number): string => words[id - this.vocabSize] ?? this.token(id);
    const kept: number[] = [];
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!;
      token(id);
      if (!skipSpecialTokens || !this.vocabulary.isSpecial(id)) kept.push(id);
    }
    return this.join(kept, token);
  }

  token(id: number): string {
    return this.vocabulary.token(id);
  }

  id(token: string): number | undefined {
    return this.vocabulary.id(token);
  }

  /** The fields of the saved form that every kind has. */
  protected commonJSON() {
    return {
      format: 'heed-tokenizer' as const,
      version: 1 as const,
      normalizers: this.normalizers,
      specialTokens: this.vocabulary.specialTokens,
      vocab: this.vocabulary.toJSON(),
    };
  }
}

/** True for the ids of the special tokens before the pieces. */
export function isSpecial(id: number): boolean {
  return id < numSpecialTokens;
}
