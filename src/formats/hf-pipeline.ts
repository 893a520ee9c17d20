/**
 * The normalizers and pre-tokenizers of a Hugging Face tokenizer.json, as far as its BPE tokenizers use them.
 *
 * Regular expressions of a file are never run: the known ones are listed here, any other is refused.
 */
import { FormatError } from '../errors.ts';
import {
  type AlignedText,
  alignStep,
  type NormalizerStep,
  normalizerSteps,
} from '../tokenizers/normalize.ts';
import { matchWords, splitWords, type Word } from '../tokenizers/pre-tokenize.ts';

/** A component of the file: its type and fields. */
export interface Component {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** How words are cut, and whether their symbols are bytes. */
export interface WordSplitter {
  readonly split: (text: string) => Word[];
  readonly byteLevel: boolean;
}

const forms = { NFC: normalizerSteps.nfc, NFKC: normalizerSteps.nfkc, Lowercase: normalizerSteps.lowercase };

const whiteSpaceRuns: NormalizerStep = {
  apply: (text) => text.replace(/\p{White_Space}+/gu, ' '),
  chunks: /\p{White_Space}+|\P{White_Space}/gu,
};

// CLIP's pattern (Radford et al. 2021): single digits, no space inside a word.
const splitPatterns: Readonly<Record<string, RegExp>> = {
  "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+":
    /<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\p{White_Space}\p{L}\p{N}]+/gu,
};

function unsupported(file: string, what: string, component: unknown): FormatError {
  return new FormatError({
    where: file,
    file,
    expected: `a ${what} that heed knows`,
    got: JSON.stringify(component),
    hint: 'this loader reads the BPE tokenizers of GPT-2, RoBERTa and CLIP and those trained like them',
  });
}

/** @throws FormatError for a normalizer that is not supported */
export function readNormalizer(
  component: Component | null,
  file: string,
): (text: AlignedText) => AlignedText {
  const steps = normalizerList(component, file);
  return (text) => steps.reduce((current, step) => alignStep(current, step, 'first'), text);
}

function normalizerList(component: Component | null | undefined, file: string): NormalizerStep[] {
  if (!component) return [];
  if (component.type === 'Sequence') {
    return (component.normalizers as Component[]).flatMap((child) => normalizerList(child, file));
  }
  const step = Object.hasOwn(forms, component.type) ? forms[component.type as keyof typeof forms] : undefined;
  if (step) return [step];
  const { Regex: regex } = (component.pattern ?? {}) as { Regex?: string };
  if (component.type === 'Replace' && regex === '\\s+' && component.content === ' ') return [whiteSpaceRuns];
  throw unsupported(file, 'normalizer', component);
}

/** @throws FormatError for a pre-tokenizer that is not supported */
export function readPreTokenizer(component: Component | null, file: string): WordSplitter {
  const splitters = splitterList(component, file);
  const split = (text: string): Word[] =>
    splitters.reduce<Word[]>(
      (words, splitter) =>
        words.flatMap(({ text: word, start }) =>
          splitter.split(word).map((part) => ({ text: part.text, start: start + part.start })),
        ),
      [{ text, start: 0 }],
    );
  return { split, byteLevel: splitters.some((splitter) => splitter.byteLevel) };
}

function splitterList(component: Component | null | undefined, file: string): WordSplitter[] {
  switch (component?.type) {
    case undefined:
      return [];
    case 'Sequence':
      return (component!.pretokenizers as Component[]).flatMap((child) => splitterList(child, file));
    case 'Whitespace':
      return [{ split: (text) => splitWords(text, 'punctuation'), byteLevel: false }];
    case 'WhitespaceSplit':
      return [{ split: (text) => splitWords(text, 'whitespace'), byteLevel: false }];
    case 'ByteLevel':
      if (component!.add_prefix_space) break;
      return [{ split: (text) => splitWords(text, 'byteLevel'), byteLevel: true }];
    case 'Split': {
      const { Regex: regex = '' } = component!.pattern as { Regex?: string };
      const pattern = Object.hasOwn(splitPatterns, regex) ? splitPatterns[regex] : undefined;
      if (!pattern || component!.behavior !== 'Removed' || !component!.invert) break;
      return [{ split: (text) => matchWords(text, pattern), byteLevel: false }];
    }
  }
  throw unsupported(file, 'pre-tokenizer', component);
}
