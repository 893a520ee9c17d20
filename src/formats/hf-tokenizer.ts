/** Reads a Hugging Face `tokenizer.json` with a BPE, WordPiece or Unigram model. */
import { FormatError, TokenizerError } from '../errors.ts';
import type { WordPieces } from '../tokenizers/base.ts';
import { originalSpan, wellFormed } from '../tokenizers/normalize.ts';
import { refuseSampling } from '../tokenizers/sampling.ts';
import type { DecodeOptions, EncodeOptions, Encoding, TokenCodec } from '../tokenizers/types.ts';
import { WordCache } from '../tokenizers/word-cache.ts';
import { AddedTokenFinder, readAddedTokens, type Segment } from './hf-added-tokens.ts';
import { readDecoder } from './hf-decoders.ts';
import { type PieceModel, readModel } from './hf-models.ts';
import { type Component, type Normalizer, readNormalizer } from './hf-normalizers.ts';
import { joinPair, type PairEncoding, type PairOptions } from './hf-pairs.ts';
import { readPostProcessor, trimOffsets } from './hf-post-processor.ts';
import { type PrefixedWord, readPreTokenizer, type WordSplitter } from './hf-pre-tokenizers.ts';

interface TokenizerJson {
  readonly model: unknown;
  readonly added_tokens?: unknown;
  readonly normalizer: Component | null;
  readonly pre_tokenizer: Component | null;
  readonly post_processor: Component | null;
  readonly decoder: Component | null;
}

/** How a file is read. */
export interface HuggingFaceOptions {
  /** Named in errors. Default `tokenizer.json`. */
  readonly file?: string;
  /**
   * Added tokens that stand in the text become their ids, as in Hugging Face's library. Set it to false for
   * text that is not trusted: `<s>` is then text as any other. Default true.
   */
  readonly parseAddedTokens?: boolean;
}

/**
 * Makes a tokenizer from the parsed content of a Hugging Face `tokenizer.json`. `addBos` and `addEos` put what
 * the file's post-processor puts; `decode` follows the file's decoder.
 *
 * @throws FormatError when the file needs something that is not supported
 * @throws TokenizerError when its vocabulary and merges contradict each other
 * @example
 * const tokenizer = loadHuggingFaceTokenizer(JSON.parse(readFileSync('tokenizer.json', 'utf8')));
 * tokenizer.encode('Hello', { addBos: true, addEos: true }); // RoBERTa: [0, 31414, 2]
 */
export function loadHuggingFaceTokenizer(
  json: unknown,
  options: HuggingFaceOptions = {},
): HuggingFaceTokenizer {
  const { file = 'tokenizer.json', parseAddedTokens = true } = options;
  if (typeof json !== 'object' || json === null) {
    const got = JSON.stringify(json) ?? 'nothing';
    throw new FormatError({ where: file, file, expected: 'a tokenizer as an object', got });
  }
  return new HuggingFaceTokenizer(json as TokenizerJson, file, parseAddedTokens);
}

/** A tokenizer read by `loadHuggingFaceTokenizer`. */
export class HuggingFaceTokenizer implements TokenCodec {
  /** Ids of the special tokens that the file names by their role. */
  readonly specialTokens: { readonly unk?: number; readonly bos?: number; readonly eos?: number };
  private readonly vocab = new Map<string, number>();
  private readonly tokens: (string | undefined)[] = [];
  private readonly specialIds = new Set<number>();
  /** Added tokens whose text in decoding is not their own. */
  private readonly decodedTokens = new Map<number, string>();
  private readonly finders: readonly [raw: AddedTokenFinder, normalized: AddedTokenFinder];
  private readonly normalizer: Normalizer;
  private readonly splitter: WordSplitter;
  private readonly model: PieceModel;
  private readonly join: (tokens: readonly string[]) => string;
  private readonly post: ReturnType<typeof readPostProcessor>;
  private readonly cache = new WordCache<WordPieces>();

  constructor(json: TokenizerJson, file: string, parseAddedTokens: boolean) {
    this.splitter = readPreTokenizer(json.pre_tokenizer, file);
    this.model = readModel(json.model, this.splitter.byteLevel, file);
    for (const [token, id] of this.model.tokens) this.register(token, id, file);
    const added = readAddedTokens(json.added_tokens, file);
    this.normalizer = readNormalizer(json.normalizer, file);
    for (const { content, id, special, normalized } of added) {
      if (this.vocab.get(content) !== id) this.register(content, id, file);
      // One that normalising changes (Llama 2's) is decoded as it is looked for, and not known as special then.
      const decoded = normalized ? this.normalized(content) : content;
      if (decoded !== content) this.decodedTokens.set(id, decoded);
      else if (special) this.specialIds.add(id);
    }
    this.join = readDecoder(json.decoder, file);
    this.post = readPostProcessor(json.post_processor, file);
    const [bos, eos] = [this.post.before[0], this.post.after.at(-1)];
    this.specialTokens = {
      ...(this.model.unk !== undefined && { unk: this.model.unk }),
      ...(bos !== undefined && { bos }),
      ...(eos !== undefined && { eos }),
    };
    const parsed = parseAddedTokens ? added : [];
    this.finders = [
      new AddedTokenFinder(
        parsed.filter((token) => !token.normalized),
        (text) => text,
      ),
      new AddedTokenFinder(
        parsed.filter((token) => token.normalized),
        (text) => this.normalized(text),
      ),
    ];
  }

  /** One more than the highest id. */
  get vocabSize(): number {
    return this.tokens.length;
  }

  encode(text: string, options: EncodeOptions = {}): number[] {
    return this.encodeWithOffsets(text, options).ids;
  }

  encodeWithOffsets(text: string, options: EncodeOptions = {}): Encoding {
    if (options.sampling) refuseSampling('a file of Hugging Face');
    const encoding: Encoding = { ids: [], offsets: [] };
    for (const segment of this.finders[0].split(wellFormed(text))) this.encodeSegment(segment, encoding);
    const { before, after, trim } = this.post;
    if (trim) {
      const { addPrefixSpace } = trim;
      encoding.offsets.forEach((span, i) => {
        trimOffsets(this.token(encoding.ids[i]!), span, i === 0, addPrefixSpace);
      });
    }
    if (options.addBos) {
      encoding.ids.unshift(...before);
      encoding.offsets.unshift(...before.map((): [number, number] => [0, 0]));
    }
    if (options.addEos) {
      encoding.ids.push(...after);
      encoding.offsets.push(...after.map((): [number, number] => [0, 0]));
    }
    return encoding;
  }

  /**
   * Two texts as one input, put together by the file's template: BERT's `[CLS] A [SEP] B [SEP]`.
   *
   * @throws TokenizerError when the text that is to be cut is too short for that
   * @throws ConfigError when `maxLength` has no room for the special tokens, or the stride is too long
   * @example
   * tokenizer.encodePair(question, paragraph, { maxLength: 384, stride: 128, truncate: 'onlySecond' });
   */
  encodePair(first: string, second: string, options: PairOptions = {}): PairEncoding {
    const [a, b] = [this.encodeWithOffsets(first), this.encodeWithOffsets(second)];
    return joinPair(a, b, this.post.pair, options, 'HuggingFaceTokenizer.encodePair');
  }

  tokenize(text: string): string[] {
    return this.encode(text).map((id) => this.token(id));
  }

  decode(ids: ArrayLike<number>, options: DecodeOptions = {}): string {
    const { skipSpecialTokens = true } = options;
    const tokens = Array.from(ids)
      .filter((id) => !(skipSpecialTokens && this.specialIds.has(id)))
      .map((id) => this.decodedTokens.get(id) ?? this.token(id));
    return this.join(tokens);
  }

  token(id: number): string {
    const token = this.tokens[id];
    if (token !== undefined) return token;
    const expected = `ids from 0 to ${this.vocabSize - 1}`;
    throw new TokenizerError({ where: 'HuggingFaceTokenizer', expected, got: String(id) });
  }

  id(token: string): number | undefined {
    return this.vocab.get(token);
  }

  private normalized(text: string): string {
    return this.normalizer({ text }).text;
  }

  private register(token: string, id: number, file: string): void {
    if (!Number.isSafeInteger(id) || id < 0 || id >= 2 ** 24) {
      throw new TokenizerError({ where: file, expected: `an id for '${token}'`, got: String(id) });
    }
    if (this.tokens[id] !== undefined) {
      const got = `id ${id} for '${this.tokens[id]}' and '${token}'`;
      throw new TokenizerError({ where: file, expected: 'every id once', got });
    }
    this.vocab.set(token, id);
    this.tokens[id] = token;
  }

  private encodeSegment(segment: Segment, encoding: Encoding): void {
    const add = (id: number, start: number, end: number): void => {
      encoding.ids.push(id);
      encoding.offsets.push([segment.start + start, segment.start + end]);
    };
    if (segment.token) {
      add(segment.token.id, 0, segment.text.length);
      return;
    }
    const aligned = this.normalizer({ text: segment.text });
    for (const part of this.finders[1].split(aligned.text)) {
      if (part.token) {
        add(part.token.id, ...originalSpan(aligned, part.start, part.start + part.text.length));
        continue;
      }
      for (const word of this.splitter.split(part.text)) {
        const pieces = this.cache.get(word.text, (text) => this.model.encode(text));
        pieces.ids.forEach((id, i) => {
          const [start, end] = placeInText(word, pieces.starts[i]!, pieces.ends[i]!);
          add(id, ...originalSpan(aligned, part.start + start, part.start + end));
        });
      }
    }
  }
}

/** Where a part of a word stands in the text; what was put before the word shares the place of its first character. */
function placeInText({ text, start, prefix = 0 }: PrefixedWord, from: number, to: number): [number, number] {
  const first = text.codePointAt(prefix)! > 0xffff ? 2 : 1;
  return [start + Math.max(0, from - prefix), start + (to <= prefix ? first : to - prefix)];
}
