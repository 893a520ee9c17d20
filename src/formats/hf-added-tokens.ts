/** The added tokens of a Hugging Face tokenizer.json: texts that are cut out before the model sees the rest. */
import { FormatError } from '../errors.ts';

/** One entry of `added_tokens`. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  /** Also takes the white space before it. */
  readonly lstrip: boolean;
  /** Also takes the white space after it. */
  readonly rstrip: boolean;
  /** Looked for after normalising instead of before. */
  readonly normalized: boolean;
}

/** A stretch of text: an added token, or text for the model. */
export interface Segment {
  readonly text: string;
  readonly start: number;
  readonly token?: AddedToken;
}

/**
 * Reads and checks `added_tokens`.
 *
 * @throws FormatError for an entry that is not whole, or one that asks for whole words
 */
export function readAddedTokens(value: unknown, file: string): AddedToken[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid(file, 'added_tokens to be a list', value);
  return value.map((entry: Partial<AddedToken> & { single_word?: boolean }) => {
    if (!Number.isSafeInteger(entry?.id) || typeof entry.content !== 'string' || entry.content === '') {
      throw invalid(file, 'added tokens with id and content', entry);
    }
    if (entry.single_word) throw invalid(file, 'added tokens without single_word', entry);
    const { id, content, special = false, lstrip = false, rstrip = false, normalized = false } = entry;
    return { id: id!, content, special, lstrip, rstrip, normalized };
  });
}

function invalid(file: string, expected: string, got: unknown): FormatError {
  return new FormatError({ where: file, file, expected, got: JSON.stringify(got) ?? 'nothing' });
}

/** Finds tokens in text, the longest first where several begin at one place. */
export class AddedTokenFinder {
  private readonly pattern: RegExp | undefined;
  private readonly byText = new Map<string, AddedToken>();

  /** @param normalize - brings a token's content into the form of the text that is searched */
  constructor(tokens: readonly AddedToken[], normalize: (text: string) => string) {
    for (const token of tokens) this.byText.set(normalize(token.content), token);
    const texts = [...this.byText.keys()].sort((a, b) => b.length - a.length);
    if (texts.length === 0) return;
    this.pattern = new RegExp(texts.map((text) => this.source(text)).join('|'), 'gu');
  }

  private source(text: string): string {
    const token = this.byText.get(text)!;
    const escaped = text.replace(
      /[\\^$.*+?()[\]{}|/-]/g,
      (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`,
    );
    return `${token.lstrip ? '\\p{White_Space}*' : ''}${escaped}${token.rstrip ? '\\p{White_Space}*' : ''}`;
  }

  /** Cuts a text into tokens and the text between them. */
  split(text: string): Segment[] {
    if (!this.pattern) return text === '' ? [] : [{ text, start: 0 }];
    const segments: Segment[] = [];
    let at = 0;
    for (const match of text.matchAll(this.pattern)) {
      if (match.index > at) segments.push({ text: text.slice(at, match.index), start: at });
      segments.push({ text: match[0], start: match.index, token: this.tokenOf(match[0]) });
      at = match.index + match[0].length;
    }
    if (at < text.length) segments.push({ text: text.slice(at), start: at });
    return segments;
  }

  private tokenOf(match: string): AddedToken {
    const trimmed = match.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, '');
    return this.byText.get(match) ?? this.byText.get(trimmed)!;
  }
}
