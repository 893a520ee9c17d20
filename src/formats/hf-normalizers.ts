/**
 * The normalizers of a Hugging Face tokenizer.json.
 *
 * Regular expressions of a file are never run: the known ones are listed here, any other is refused.
 */
import { FormatError } from '../errors.ts';
import { utf8Bytes } from '../tokenizers/byte-alphabet.ts';
import {
  type AlignedText,
  alignStep,
  type NormalizerStep,
  normalizerSteps,
} from '../tokenizers/normalize.ts';
import { IDEOGRAPH } from '../tokenizers/pre-tokenize.ts';
import { Charsmap } from './charsmap.ts';
import { type Change, replacement, transform } from './hf-align.ts';

/** A component of the file: its type and fields. */
export interface Component {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** Rewrites a text. */
export type Normalizer = (text: AlignedText) => AlignedText;

/** The refusal of a component that is not known. */
export function unsupported(file: string, what: string, component: unknown): FormatError {
  const text = JSON.stringify(component) ?? 'nothing';
  return new FormatError({
    where: file,
    file,
    expected: `a ${what} that heed knows`,
    got: text.length > 200 ? `${text.slice(0, 200)}…` : text,
    hint: 'this loader reads the tokenizers of GPT-2, RoBERTa, CLIP, BERT, T5, Llama 2 and those trained like them',
  });
}

const eachCodePoint = /./gsu;
const perCodePoint = (apply: (text: string) => string): NormalizerStep => ({ apply, chunks: eachCodePoint });

const nfd: NormalizerStep = { ...normalizerSteps.nfc, apply: (text) => text.normalize('NFD') };
const nfkd: NormalizerStep = { ...normalizerSteps.nfkc, apply: (text) => text.normalize('NFKD') };

const steps: Readonly<Record<string, NormalizerStep>> = {
  NFC: normalizerSteps.nfc,
  NFKC: normalizerSteps.nfkc,
  NFD: nfd,
  NFKD: nfkd,
  Lowercase: normalizerSteps.lowercase,
  StripAccents: perCodePoint((text) => text.replace(/\p{Mn}/gu, '')),
};

const whiteSpaceRuns: NormalizerStep = {
  apply: (text) => text.replace(/\p{White_Space}+/gu, ' '),
  chunks: /\p{White_Space}+|\P{White_Space}/gu,
};

/** @throws FormatError for a normalizer that is not supported */
export function readNormalizer(component: Component | null, file: string): Normalizer {
  const normalizers = normalizerList(component, file);
  return (text) => normalizers.reduce((current, normalizer) => normalizer(current), text);
}

function normalizerList(component: Component | null | undefined, file: string): Normalizer[] {
  if (!component) return [];
  const { type } = component;
  if (Object.hasOwn(steps, type)) return [(text) => alignStep(text, steps[type]!, 'first')];
  switch (type) {
    case 'Sequence':
      return (component.normalizers as Component[]).flatMap((child) => normalizerList(child, file));
    case 'BertNormalizer':
      return bertSteps(component).map((step) => (text: AlignedText) => alignStep(text, step, 'first'));
    case 'Prepend':
      return [(text) => prepend(text, String(component.prepend))];
    case 'Replace': {
      const step = replaceStep(component);
      if (step) return [(text) => alignStep(text, step, 'first')];
      break;
    }
    case 'Precompiled': {
      if (typeof component.precompiled_charsmap !== 'string') break;
      const bytes = Uint8Array.from(atob(component.precompiled_charsmap), (char) => char.charCodeAt(0));
      const charsmap = new Charsmap(bytes, file);
      return [(text) => rewrite(text, charsmap)];
    }
  }
  throw unsupported(file, 'normalizer', component);
}

function replaceStep({ pattern, content }: Component): NormalizerStep | undefined {
  const { Regex: regex, String: text } = (pattern ?? {}) as { Regex?: string; String?: string };
  if (typeof content !== 'string') return undefined;
  if (regex === '\\s+' && content === ' ') return whiteSpaceRuns;
  if (text === undefined || [...text].length !== 1) return undefined;
  return perCodePoint((part) => part.replaceAll(text, content));
}

/** A text that is not empty gets a beginning, which shares the place of its first code point. */
function prepend(input: AlignedText, beginning: string): AlignedText {
  if (input.text === '') return input;
  const chars = [...beginning, ...input.text];
  const added = [...beginning].length;
  return transform(
    input,
    chars.map((char, i): Change => [char, i === 0 || i > added ? 0 : 1]),
  );
}

/** What BERT does to text before it is split (Devlin et al. 2018). */
function bertSteps(component: Component): NormalizerStep[] {
  const { clean_text, handle_chinese_chars, strip_accents, lowercase } = component;
  const stripAccents = strip_accents ?? lowercase;
  return [
    ...(clean_text ? [perCodePoint(cleanText)] : []),
    ...(handle_chinese_chars ? [perCodePoint((text) => text.replace(ideograph, ' $& '))] : []),
    ...(stripAccents ? [perCodePoint((text) => text.normalize('NFD').replace(/\p{Mn}/gu, ''))] : []),
    ...(lowercase ? [normalizerSteps.lowercase] : []),
  ];
}

const ideograph = new RegExp(`[${IDEOGRAPH}]`, 'gu');

/** Control characters go, white space becomes a space. */
function cleanText(text: string): string {
  return text.replace(/[\t\n\r\p{White_Space}]/gu, ' ').replace(/[\p{Cc}\p{Cf}\p{Co}\ufffd]/gu, '');
}

const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });

/**
 * SentencePiece's table as Hugging Face's library applies it: to a whole user-perceived character of less than six
 * bytes, or else to its code points, and in both cases to the shortest string of the table that it begins with.
 */
function rewrite(input: AlignedText, charsmap: Charsmap): AlignedText {
  const changes: Change[] = [];
  let isModified = false;
  const lookUp = (part: string): boolean => {
    const [match] = charsmap.matches(utf8Bytes(part), 0);
    if (!match) return false;
    isModified = true;
    replacement(part, match.text, changes);
    return true;
  };
  for (const { segment } of graphemes.segment(input.text)) {
    if (utf8Bytes(segment).length < 6 && lookUp(segment)) continue;
    for (const char of segment) if (!lookUp(char)) changes.push([char, 0]);
  }
  return isModified ? transform(input, changes) : input;
}
