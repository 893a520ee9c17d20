/** The saved form back to a tokenizer, with every field checked first. */
import { suggest, TokenizerError } from '../errors.ts';
import { byteToChar, pieceBytes } from './byte-alphabet.ts';
import { endOfWordProblem, tokenizerKinds } from './config.ts';
import { createTokenizer } from './create.ts';
import { normalizerNames, wellFormed } from './normalize.ts';
import { preTokenizerNames } from './pre-tokenize.ts';
import { numSpecialTokens, specialTexts, specialTokensProblem } from './special-tokens.ts';
import type {
  Merge,
  NormalizerName,
  PreTokenizerName,
  SpecialTokens,
  Tokenizer,
  TokenizerKind,
} from './types.ts';

type Loose = Readonly<Record<string, unknown>>;

/**
 * Makes a tokenizer from what `toJSON` gave.
 *
 * @param json - the parsed content of a `tokenizer.json` of heed
 * @param file - named in errors
 * @throws TokenizerError when a field is missing, unknown or contradicts another one
 * @example
 * const tokenizer = loadTokenizer(JSON.parse(readFileSync('tokenizer.json', 'utf8')), 'tokenizer.json');
 */
export function loadTokenizer(json: unknown, file = 'tokenizer'): Tokenizer {
  return new Loader(file).load(json);
}

class Loader {
  private readonly file: string;

  constructor(file: string) {
    this.file = file;
  }

  load(json: unknown): Tokenizer {
    const data = this.object(json, 'a tokenizer');
    if (data.format !== 'heed-tokenizer') {
      this.fail('format "heed-tokenizer"', show(data.format), 'heed tokenizer train makes such a file');
    }
    if (data.version !== 1) this.fail('version 1', show(data.version), 'use a newer heed to read this file');
    const kind = this.name<TokenizerKind>('kind', data.kind, tokenizerKinds);
    const specialTokens = this.specialTokens(data.specialTokens);
    const pieces = this.pieces(data.vocab, specialTokens);
    const normalizers = this.array('normalizers', data.normalizers).map((name) =>
      this.name<NormalizerName>('normalizers', name, normalizerNames),
    );
    const common = {
      format: data.format as 'heed-tokenizer',
      version: 1 as const,
      normalizers,
      specialTokens,
    };
    if (kind === 'word') return createTokenizer({ ...common, ...this.wordParts(data) }, pieces);
    if (kind === 'bpe') return createTokenizer({ ...common, ...this.bpeParts(data, pieces) }, pieces);
    const long = pieces.find((piece) => [...piece].length !== 1);
    if (long !== undefined) this.fail('single characters in vocab', show(long), 'the file is damaged');
    return createTokenizer({ ...common, kind }, pieces);
  }

  private wordParts(data: Loose) {
    const names = preTokenizerNames.filter((name) => name !== 'byteLevel') as (
      | 'whitespace'
      | 'punctuation'
    )[];
    const preTokenizer = this.name('preTokenizer', data.preTokenizer, names);
    const kind = 'word' as const;
    if (data.continuation === undefined) return { kind, preTokenizer };
    const continuation = data.continuation;
    if (typeof continuation !== 'string' || continuation === '') {
      return this.fail('a text as continuation', show(continuation), 'leave it out for none');
    }
    return { kind, preTokenizer, continuation };
  }

  private bpeParts(data: Loose, pieces: readonly string[]) {
    const kind = 'bpe' as const;
    const preTokenizer = this.name<PreTokenizerName>('preTokenizer', data.preTokenizer, preTokenizerNames);
    const byteLevel = preTokenizer === 'byteLevel';
    const known = new Set(pieces);
    const merges = this.merges(data.merges, known);
    if (byteLevel) {
      this.byteLevelPieces(pieces, known);
      return { kind, preTokenizer, merges };
    }
    const problem = endOfWordProblem(data.endOfWord);
    if (problem) this.fail(`endOfWord of ${problem}`, show(data.endOfWord), 'the usual mark is </w>');
    const endOfWord = data.endOfWord as string;
    if (!known.has(endOfWord))
      this.fail(`${show(endOfWord)} in vocab`, 'no such piece', 'the file is damaged');
    merges.forEach(([left, right], rank) => {
      if ((left + right).endsWith(endOfWord) && !right.endsWith(endOfWord)) {
        this.fail(`merge ${rank} to leave ${show(endOfWord)} at ends of words`, show(left + right), damaged);
      }
    });
    return { kind, preTokenizer, merges, endOfWord };
  }

  private byteLevelPieces(pieces: readonly string[], known: ReadonlySet<string>): void {
    const missing = byteToChar.find((char) => !known.has(char));
    if (missing !== undefined) this.fail('all 256 bytes in vocab', `no piece ${show(missing)}`, damaged);
    const foreign = pieces.find((piece) => pieceBytes(piece) === undefined);
    if (foreign !== undefined) this.fail('pieces of the byte alphabet', show(foreign), damaged);
  }

  private merges(value: unknown, known: ReadonlySet<string>): Merge[] {
    const seen = new Set<string>();
    return this.array('merges', value).map((merge, rank) => {
      if (!Array.isArray(merge) || merge.length !== 2 || !merge.every((part) => typeof part === 'string')) {
        return this.fail(`merge ${rank} to be two pieces`, show(merge), damaged);
      }
      const [left, right] = merge as [string, string];
      for (const piece of [left, right, left + right]) {
        if (!known.has(piece))
          this.fail(`merge ${rank} to join pieces of vocab`, `'${piece}' not in vocab`, damaged);
      }
      const key = JSON.stringify(merge);
      if (seen.has(key)) this.fail('every merge once', `merge ${rank} again: ${key}`, damaged);
      seen.add(key);
      return [left, right];
    });
  }

  private specialTokens(value: unknown): SpecialTokens<string> {
    const given = this.object(value, 'specialTokens') as unknown as SpecialTokens<string>;
    const tokens = { pad: given.pad, unk: given.unk, bos: given.bos, eos: given.eos };
    const problem = specialTokensProblem(tokens);
    if (problem) this.fail(`specialTokens to be ${problem}`, show(tokens), 'give pad, unk, bos and eos');
    return tokens;
  }

  /** The ordinary pieces in the order of their ids. */
  private pieces(value: unknown, specialTokens: SpecialTokens<string>): string[] {
    const entries = Object.entries(this.object(value, 'vocab'));
    const tokens = new Array<string | undefined>(entries.length);
    for (const [token, id] of entries) {
      if (!Number.isSafeInteger(id) || (id as number) < 0)
        this.fail(`an id for '${token}'`, show(id), damaged);
      const index = id as number;
      if (index >= entries.length) {
        this.fail(`ids 0 to ${entries.length - 1} without gaps`, `id ${index} for '${token}'`, damaged);
      }
      if (tokens[index] !== undefined) {
        this.fail('every id once', `id ${index} for '${tokens[index]}' and '${token}'`, damaged);
      }
      if (token === '' || wellFormed(token) !== token) this.fail('pieces of text', show(token), damaged);
      tokens[index] = token;
    }
    specialTexts(specialTokens).forEach((text, id) => {
      if (tokens[id] !== text) this.fail(`'${text}' as id ${id}`, show(tokens[id]), damaged);
    });
    return tokens.slice(numSpecialTokens) as string[];
  }

  private name<T extends string>(field: string, value: unknown, names: readonly T[]): T {
    if (names.includes(value as T)) return value as T;
    return this.fail(`a known ${field}`, show(value), suggest(String(value), names));
  }

  private array(field: string, value: unknown): readonly unknown[] {
    return Array.isArray(value) ? value : this.fail(`a list of ${field}`, show(value), damaged);
  }

  private object(value: unknown, what: string): Loose {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Loose;
    return this.fail(`${what} as an object`, show(value), damaged);
  }

  private fail(expected: string, got: string, hint: string): never {
    throw new TokenizerError({ where: this.file, expected, got, hint });
  }
}

const damaged = 'the file is damaged or was edited; train the tokenizer again';

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
