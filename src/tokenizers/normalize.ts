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

/** One rewriting of text that can be aligned. */
export interface NormalizerStep {
  /** Rewrites a whole text. */
  readonly apply: (text: string) => string;
  /** Global pattern of the parts, which cover the text and can be rewritten one by one. */
  readonly chunks: RegExp;
  /** For a rewriting that composes: the form in which input and output of a part are the same. */
  readonly decompose?: (text: string) => string;
}

const nfd = (text: string): string => text.normalize('NFD');
const nfkd = (text: string): string => text.normalize('NFKD');

/** The rewritings by name. */
export const normalizerSteps: Readonly<Record<NormalizerName, NormalizerStep>> = {
  nfc: { apply: (text) => text.normalize('NFC'), chunks: chunkPattern, decompose: nfd },
  nfkc: { apply: (text) => text.normalize('NFKC'), chunks: chunkPattern, decompose: nfkd },
  lowercase: { apply: lowercase, chunks: codePointPattern },
  stripAccents: {
    apply: (text) =>
      nfd(text)
        .replace(/\p{Mn}/gu, '')
        .normalize('NFC'),
    chunks: chunkPattern,
  },
};

/** The names of the normalizers. */
export const normalizerNames = Object.keys(normalizerSteps) as NormalizerName[];

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
  return names.reduce((current, name) => normalizerSteps[name].apply(current), wellFormed(text));
}

/** As `normalizeText`, with the span of the original that each UTF-16 unit came from. */
export function normalizeAligned(text: string, names: readonly NormalizerName[]): AlignedText {
  return names.reduce<AlignedText>((current, name) => alignStep(current, normalizerSteps[name]), {
    text: wellFormed(text),
  });
}

/** Original span of `[start, end)` of an aligned text. */
export function originalSpan(aligned: AlignedText, start: number, end: number): [number, number] {
  const { spans } = aligned;
  if (!spans) return [start, end];
  if (start < end) return [spans.starts[start]!, spans.ends[end - 1]!];
  // Between two characters that came from one, the place is where the second begins, so that spans stay in order.
  const at = start === 0 ? 0 : Math.min(spans.ends[start - 1]!, spans.starts[start] ?? Infinity);
  return [at, at];
}

/**
 * Applies one rewriting to an aligned text. Where rewriting part by part gives something else than rewriting
 * the whole, the whole counts, as a single part.
 *
 * @param extent - a character composed of several comes from all of them, or is said to come from the `first`
 */
export function alignStep(
  input: AlignedText,
  step: NormalizerStep,
  extent: 'all' | 'first' = 'all',
): AlignedText {
  const text = step.apply(input.text);
  if (text === input.text) return input;
  const parts = [...input.text.matchAll(step.chunks)].map((match) => match[0]);
  const rewritten = parts.map(step.apply);
  const byPart = rewritten.join('') === text;
  const from = byPart ? parts : [input.text];
  const to = byPart ? rewritten : [text];
  const starts = new Int32Array(text.length);
  const ends = new Int32Array(text.length);
  let read = 0;
  let write = 0;
  from.forEach((part, index) => {
    for (const [start, end] of partSpans(part, to[index]!, step.decompose, extent)) {
      const span = originalSpan(input, read + start, read + end);
      starts[write] = span[0];
      ends[write++] = span[1];
    }
    read += part.length;
  });
  return { text, spans: { starts, ends } };
}

/** For each UTF-16 unit of `to`, the span of `from` that it came from. */
function partSpans(
  from: string,
  to: string,
  decompose: NormalizerStep['decompose'],
  extent: 'all' | 'first',
): [number, number][] {
  if (from === to) return Array.from({ length: to.length }, (_, i) => [i, i + 1]);
  const whole: [number, number] = [0, from.length];
  if (!decompose) return Array.from({ length: to.length }, () => whole);
  // The span of `from` that each element of the decomposed form belongs to; composing takes them in order.
  const elements: [number, number][] = [];
  let at = 0;
  for (const char of from) {
    const span: [number, number] = [at, (at += char.length)];
    for (const _ of decompose(char)) elements.push(span);
  }
  let taken = 0;
  return [...to].flatMap((char) => {
    const first = elements[taken] ?? whole;
    taken += [...decompose(char)].length;
    const last = extent === 'all' ? (elements[taken - 1] ?? whole) : first;
    return Array.from({ length: char.length }, (): [number, number] => [first[0], last[1]]);
  });
}
