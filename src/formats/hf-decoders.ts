/** The decoders of a Hugging Face tokenizer.json: from tokens to text. */
import { FormatError } from '../errors.ts';
import { bytesToText, pieceBytes, utf8Bytes } from '../tokenizers/byte-alphabet.ts';
import type { Component } from './hf-normalizers.ts';

/** One step; the texts that the last one leaves stand side by side. */
type Decoder = (tokens: readonly string[]) => string[];

/** @throws FormatError for a decoder that is not supported */
export function readDecoder(
  component: Component | null,
  file: string,
): (tokens: readonly string[]) => string {
  if (!component) return (tokens) => tokens.join(' ');
  const decoders = decoderList(component, file);
  return (tokens) =>
    decoders.reduce<readonly string[]>((current, decode) => decode(current), tokens).join('');
}

function decoderList(component: Component, file: string): Decoder[] {
  switch (component.type) {
    case 'Sequence':
      return (component.decoders as Component[]).flatMap((child) => decoderList(child, file));
    case 'ByteLevel':
      return [
        (tokens) => [bytesToText(tokens.flatMap((token) => pieceBytes(token) ?? [...utf8Bytes(token)]))],
      ];
    case 'BPEDecoder':
      return [dropSuffix(String(component.suffix ?? '</w>'))];
    case 'WordPiece':
      return [joinWordPieces(String(component.prefix ?? '##'), component.cleanup !== false)];
    case 'Metaspace':
      return [dropMarks(component)];
    case 'Replace': {
      const { String: text } = component.pattern as { String?: string };
      if (text === undefined) break;
      const content = String(component.content);
      return [(tokens) => tokens.map((token) => token.replaceAll(text, () => content))];
    }
    case 'ByteFallback':
      return [joinBytes];
    case 'Fuse':
      return [(tokens) => [tokens.join('')]];
    case 'Strip': {
      const { content, start, stop } = component as unknown as {
        content: string;
        start: number;
        stop: number;
      };
      return [(tokens) => tokens.map((token) => strip(token, content, start, stop))];
    }
  }
  throw new FormatError({
    where: file,
    file,
    expected:
      'decoder ByteLevel, BPEDecoder, WordPiece, Metaspace, or a sequence of Replace, ByteFallback, Fuse and Strip',
    got: component.type,
  });
}

function dropSuffix(suffix: string): Decoder {
  return (tokens) => tokens.map((token, i) => token.replaceAll(suffix, i + 1 < tokens.length ? ' ' : ''));
}

function joinWordPieces(prefix: string, cleanup: boolean): Decoder {
  return (tokens) =>
    tokens.map((token, i) => {
      let text = token;
      if (i > 0) text = token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
      return cleanup ? cleanUp(text) : text;
    });
}

/** The spaces that splitting at punctuation has put into English. */
const cleanups: readonly (readonly [string, string])[] = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [' do not', " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

function cleanUp(text: string): string {
  return cleanups.reduce((current, [from, to]) => current.replaceAll(from, to), text);
}

/** ▁ is a space; those of the first token stand before the text and are no part of it. */
function dropMarks({ replacement = '▁', prepend_scheme, add_prefix_space = true }: Component): Decoder {
  const mark = String(replacement);
  const hasPrefix = prepend_scheme === undefined ? add_prefix_space : prepend_scheme !== 'never';
  return (tokens) => tokens.map((token, i) => token.replaceAll(mark, i === 0 && hasPrefix ? '' : ' '));
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Runs of `<0xNN>` as UTF-8; a run that is not UTF-8 becomes U+FFFD, one for each byte. */
function joinBytes(tokens: readonly string[]): string[] {
  const texts: string[] = [];
  let bytes: number[] = [];
  const flush = (): void => {
    if (bytes.length === 0) return;
    try {
      texts.push(strict.decode(Uint8Array.from(bytes)));
    } catch {
      texts.push('\ufffd'.repeat(bytes.length));
    }
    bytes = [];
  };
  for (const token of tokens) {
    const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token);
    if (byte) bytes.push(Number.parseInt(byte[1]!, 16));
    else {
      flush();
      texts.push(token);
    }
  }
  flush();
  return texts;
}

function strip(token: string, content: string, start: number, stop: number): string {
  let from = 0;
  while (from < start && token.startsWith(content, from)) from += content.length;
  let to = token.length;
  for (let i = 0; i < stop && to > from && token.endsWith(content); i++) to -= content.length;
  return token.slice(from, to);
}
