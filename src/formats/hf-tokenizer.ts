/** Reads a Hugging Face `tokenizer.json` with a BPE model (GPT-2, RoBERTa, CLIP and those trained like them). */
import { FormatError, TokenizerError } from '../errors.ts';
import type { WordPieces } from '../tokenizers/base.ts';
import { byteSymbols, mergeSymbols, type Symbols } from '../tokenizers/bpe.ts';
import { BpeModel, rankMerges } from '../tokenizers/bpe-model.ts';
import { bytesToText, byteToChar, pieceBytes, utf8Bytes } from '../tokenizers/byte-alphabet.ts';
import { type AlignedText, originalSpan, wellFormed } from '../tokenizers/normalize.ts';
import type { DecodeOptions, EncodeOptions, Encoding, Merge, TokenCodec } from '../tokenizers/types.ts';
import { WordCache } from '../tokenizers/word-cache.ts';
import { AddedTokenFinder, readAddedTokens, type Segment } from './hf-added-tokens.ts';
import { type Component, readNormalizer, readPreTokenizer, type WordSplitter } from './hf-pipeline.ts';
import { readPostProcessor, trimOffsets } from './hf-post-processor.ts';

interface ModelJson {
  readonly type?: string;
  readonly vocab: Readonly<Record<string, number>>;
  readonly merges: readonly (string | Merge)[];
  readonly unk_token?: string | null;
  readonly end_of_word_suffix?: string | null;
  readonly [field: string]: unknown;
}

interface TokenizerJson {
  readonly model: ModelJson;
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
  return new HuggingFaceTokenizer(checkModel(json, file), file, parseAddedTokens);
}

/** A tokenizer read by `loadHuggingFaceTokenizer`. */
export class HuggingFaceTokenizer implements TokenCodec {
  /** Ids of the special tokens that the file names by their role. */
  readonly specialTokens: { readonly unk?: number; readonly bos?: number; readonly eos?: number };
  private readonly vocab = new Map<string, number>();
  private readonly tokens: (string | undefined)[] = [];
  private readonly specialIds = new Set<number>();
  private readonly finders: readonly [raw: AddedTokenFinder, normalized: AddedTokenFinder];
  private readonly normalizer: (text: AlignedText) => AlignedText;
  private readonly splitter: WordSplitter;
  private readonly model: BpeModel;
  private readonly suffix: string;
  private readonly decoder: string | undefined;
  private readonly trim: ReturnType<typeof readPostProcessor>['trim'];
  private readonly cache = new WordCache<WordPieces>();

  constructor(json: TokenizerJson, file: string, parseAddedTokens: boolean) {
    for (const [token, id] of Object.entries(json.model.vocab)) this.register(token, id, file);
    const merges = readMerges(json.model.merges, this.vocab, file);
    const added = readAddedTokens(json.added_tokens, file);
    for (const { content, id, special } of added) {
      if (this.vocab.get(content) !== id) this.register(content, id, file);
      if (special) this.specialIds.add(id);
    }
    this.normalizer = readNormalizer(json.normalizer, file);
    this.splitter = readPreTokenizer(json.pre_tokenizer, file);
    this.model = new BpeModel(rankMerges(this.vocab, merges));
    this.suffix = json.model.end_of_word_suffix ?? '';
    this.decoder = readDecoder(json.decoder, file);
    const post = readPostProcessor(json.post_processor, file);
    this.trim = post.trim;
    const unk = json.model.unk_token ? this.vocab.get(json.model.unk_token) : undefined;
    this.specialTokens = { ...post.ids, ...(unk === undefined ? {} : { unk }) };
    const parsed = parseAddedTokens ? added : [];
    this.finders = [
      new AddedTokenFinder(
        parsed.filter((token) => !token.normalized),
        (text) => text,
      ),
      new AddedTokenFinder(
        parsed.filter((token) => token.normalized),
        (text) => this.normalizer({ text }).text,
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
    const encoding: Encoding = { ids: [], offsets: [] };
    for (const segment of this.finders[0].split(wellFormed(text))) this.encodeSegment(segment, encoding);
    if (this.trim) {
      const { addPrefixSpace } = this.trim;
      encoding.offsets.forEach((span, i) => {
        trimOffsets(this.token(encoding.ids[i]!), span, i === 0, addPrefixSpace);
      });
    }
    const { bos, eos } = this.specialTokens;
    if (options.addBos && bos !== undefined) {
      encoding.ids.unshift(bos);
      encoding.offsets.unshift([0, 0]);
    }
    if (options.addEos && eos !== undefined) {
      encoding.ids.push(eos);
      encoding.offsets.push([0, 0]);
    }
    return encoding;
  }

  tokenize(text: string): string[] {
    return this.encode(text).map((id) => this.token(id));
  }

  decode(ids: ArrayLike<number>, options: DecodeOptions = {}): string {
    const { skipSpecialTokens = true } = options;
    const tokens = Array.from(ids)
      .filter((id) => !(skipSpecialTokens && this.specialIds.has(id)))
      .map((id) => this.token(id));
    if (this.decoder === undefined) return tokens.join(' ');
    if (this.decoder !== '') {
      const suffix = this.decoder;
      return tokens.map((token, i) => token.replaceAll(suffix, i + 1 < tokens.length ? ' ' : '')).join('');
    }
    return bytesToText(tokens.flatMap((token) => pieceBytes(token) ?? [...utf8Bytes(token)]));
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
        const pieces = this.cache.get(word.text, (text) => mergeSymbols(this.model, this.symbols(text)));
        const base = part.start + word.start;
        pieces.ids.forEach((id, i) => {
          add(id, ...originalSpan(aligned, base + pieces.starts[i]!, base + pieces.ends[i]!));
        });
      }
    }
  }

  /** A symbol that the vocabulary lacks is unknown, or left out where the file names no unknown token. */
  private symbols(word: string): Symbols {
    const units = this.splitter.byteLevel ? byteUnits(word) : codePointUnits(word);
    const symbols: Symbols = { ids: [], starts: [], ends: [] };
    units.forEach(({ text, start, end }, i) => {
      const symbol = i + 1 === units.length ? text + this.suffix : text;
      const id = this.vocab.get(symbol) ?? this.specialTokens.unk;
      if (id === undefined) return;
      symbols.ids.push(id);
      symbols.starts.push(start);
      symbols.ends.push(end);
    });
    return symbols;
  }
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

function checkModel(json: unknown, file: string): TokenizerJson {
  const model = (json as Partial<TokenizerJson> | null)?.model;
  const fail = (expected: string, got: unknown): FormatError =>
    new FormatError({ where: file, file, expected, got: JSON.stringify(got) ?? 'nothing' });
  if (typeof model?.vocab !== 'object' || !Array.isArray(model.merges)) {
    throw fail('a BPE model with vocab and merges', model?.type);
  }
  if (model.type !== undefined && model.type !== 'BPE') throw fail('a model of type BPE', model.type);
  for (const option of [
    'dropout',
    'continuing_subword_prefix',
    'fuse_unk',
    'byte_fallback',
    'ignore_merges',
  ]) {
    if (model[option]) throw fail(`a BPE model without ${option}`, model[option]);
  }
  return json as TokenizerJson;
}

function readMerges(
  merges: ModelJson['merges'],
  vocab: ReadonlyMap<string, number>,
  file: string,
): readonly Merge[] {
  return merges.map((merge, rank) => {
    const parts = typeof merge === 'string' ? merge.split(' ') : merge;
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

/** Undefined: tokens joined by spaces; '': bytes; else the end-of-word suffix. */
function readDecoder(decoder: Component | null, file: string): string | undefined {
  if (!decoder) return undefined;
  if (decoder.type === 'ByteLevel') return '';
  if (decoder.type === 'BPEDecoder') return (decoder.suffix as string | undefined) ?? '</w>';
  throw new FormatError({
    where: file,
    file,
    expected: 'decoder ByteLevel or BPEDecoder',
    got: decoder.type,
  });
}
