/** Rewrites text before it is split, and remembers which part of the original each character came from. */
import type { NormalizerName } from './types.ts';

/** A text and, when it is not the original, the original span of each of its UTF-16 units. */
export interface AlignedText {
  readonly text: string;
  /** Absent when every unit stands where it stood. */
  readonly spans?: Spans;
}

interface Spans {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

// Code points that may combine with the one before them: marks, Hangul vowels and finals (with the
// compatibility and half-width forms that decompose to them), half-width voicing marks, Kirat Rai vowels.
const COMBINING = '\\p{M}\\u1160-\\u11ff\\u3131-\\u318e\\uff9e-\\uffdc\\ud7b0-\\ud7ff\\u{16d63}-\\u{16d6a}';
const chunkPattern = new RegExp(`.[${COMBINING}]*`, 'gsu');
const codePointPattern = /./gsu;

interface Step {
  readonly apply: (text: string) => string;
  /** Parts that can be rewritten one by one. */
  readonly chunks: RegExp;
}

const steps: Readonly<Record<NormalizerName, Step>> = {
  nfc: { apply: (text) => text.normalize('NFC'), chunks: chunkPattern },
  nfkc: { apply: (text) => text.normalize('NFKC'), chunks: chunkPattern },
  lowercase: { apply: lowercase, chunks: codePointPattern },
  stripAccents: {
    apply: (text) =>
      text
        .normalize('NFD')
        .replace(/\p{Mn}/gu, '')
        .normalize('NFC'),
    chunks: chunkPattern,
  },
};

/** The names of the normalizers. */
export const normalizerNames = Object.keys(steps) as NormalizerName[];

/** Each code point by itself: a final sigma is an ordinary sigma, so a word's form depends on no neighbour. */
function lowercase(text: string): string {
  if (!text.includes('Σ')) return text.toLowerCase();
  return text.replace(/./gsu, (char) => char.toLowerCase());
}

/** Lone surrogates, which no UTF-8 can hold, become U+FFFD. Lengths stay. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}

/**
 * Well-formed text, rewritten by each normalizer in turn.
 *
 * @example
 * normalizeText('Ｃafé', ['nfkc', 'lowercase', 'stripAccents']); // 'cafe'
 */
export function normalizeText(text: string, names: readonly NormalizerName[]): string {
  return names.reduce((current, name) => steps[name].apply(current), wellFormed(text));
}

/** As `normalizeText`, with the span of the original that each UTF-16 unit came from. */
export function normalizeAligned(text: string, names: readonly NormalizerName[]): AlignedText {
  return names.reduce<AlignedText>(
    (current, name) => alignStep(current, steps[name].apply, steps[name].chunks),
    { text: wellFormed(text) },
  );
}

/** Original span of `[start, end)` of an aligned text. */
export function originalSpan(aligned: AlignedText, start: number, end: number): [number, number] {
  const { spans } = aligned;
  if (!spans) return [start, end];
  if (start < end) return [spans.starts[start]!, spans.ends[end - 1]!];
  const at = start === 0 ? 0 : spans.ends[start - 1]!;
  return [at, at];
}

/**
 * Applies one rewriting to an aligned text.
 *
 * @param apply - the rewriting of a whole text
 * @param chunks - global pattern of the parts, which cover the text; where rewriting part by part gives
 * something else than rewriting the whole, the whole counts and everything is aligned to everything
 */
export function alignStep(input: AlignedText, apply: (text: string) => string, chunks: RegExp): AlignedText {
  const text = apply(input.text);
  if (text === input.text) return input;
  const parts = [...input.text.matchAll(chunks)].map((match) => match[0]);
  const rewritten = parts.map(apply);
  return rewritten.join('') === text
    ? composeSpans(input, text, parts, rewritten)
    : composeSpans(input, text, [input.text], [text]);
}

function composeSpans(
  input: AlignedText,
  text: string,
  from: readonly string[],
  to: readonly string[],
): AlignedText {
  const starts = new Int32Array(text.length);
  const ends = new Int32Array(text.length);
  let read = 0;
  let write = 0;
  from.forEach((part, index) => {
    const next = to[index]!;
    for (let i = 0; i < next.length; i++) {
      const same = part === next;
      const [start, end] = same
        ? originalSpan(input, read + i, read + i + 1)
        : originalSpan(input, read, read + part.length);
      starts[write + i] = start;
      ends[write + i] = end;
    }
    read += part.length;
    write += next.length;
  });
  return { text, spans: { starts, ends } };
}
