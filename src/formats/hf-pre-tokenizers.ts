/** The pre-tokenizers of a Hugging Face tokenizer.json. */
import { matchWords, PUNCTUATION, splitWords, type Word } from '../tokenizers/pre-tokenize.ts';
import { type Component, unsupported } from './hf-normalizers.ts';

/** A word; `prefix` units at its beginning are not in the text and share the place of its first character. */
export interface PrefixedWord extends Word {
  readonly prefix?: number;
}

/** How words are cut, and whether their symbols are bytes. */
export interface WordSplitter {
  readonly split: (text: string) => PrefixedWord[];
  readonly byteLevel: boolean;
}

// CLIP's pattern (Radford et al. 2021): single digits, no space inside a word.
const splitPatterns: Readonly<Record<string, RegExp>> = {
  "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+":
    /<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\p{White_Space}\p{L}\p{N}]+/gu,
};

const bertWords = new RegExp(`[${PUNCTUATION}]|[^${PUNCTUATION}\\p{White_Space}]+`, 'gu');

/** @throws FormatError for a pre-tokenizer that is not supported */
export function readPreTokenizer(component: Component | null, file: string): WordSplitter {
  const splitters = splitterList(component, file);
  const split = (text: string): PrefixedWord[] =>
    splitters.reduce<PrefixedWord[]>(
      (words, splitter) => words.flatMap((word) => splitAgain(word, splitter)),
      text === '' ? [] : [{ text, start: 0 }],
    );
  return { split, byteLevel: splitters.some((splitter) => splitter.byteLevel) };
}

function splitAgain({ text, start }: PrefixedWord, splitter: WordSplitter): PrefixedWord[] {
  return splitter.split(text).map((part) => ({ ...part, start: start + part.start }));
}

const byPattern = (pattern: RegExp): WordSplitter => ({
  split: (text) => matchWords(text, pattern),
  byteLevel: false,
});

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
    case 'BertPreTokenizer':
      return [byPattern(bertWords)];
    case 'Metaspace': {
      const metaspace = readMetaspace(component!);
      if (!metaspace) break;
      return [metaspace];
    }
    case 'ByteLevel':
      if (component!.add_prefix_space) break;
      return [{ split: (text) => splitWords(text, 'byteLevel'), byteLevel: true }];
    case 'Split': {
      const { Regex: regex = '' } = component!.pattern as { Regex?: string };
      const pattern = Object.hasOwn(splitPatterns, regex) ? splitPatterns[regex] : undefined;
      if (!pattern || component!.behavior !== 'Removed' || !component!.invert) break;
      return [byPattern(pattern)];
    }
  }
  throw unsupported(file, 'pre-tokenizer', component);
}

/** Spaces become ▁, a text that does not begin with one gets one, and each begins a word. */
function readMetaspace(component: Component): WordSplitter | undefined {
  const { replacement = '▁', prepend_scheme, add_prefix_space = true, split = true } = component;
  const scheme = prepend_scheme ?? (add_prefix_space ? 'always' : 'never');
  if (replacement !== '▁' || (scheme !== 'always' && scheme !== 'never') || !split) return undefined;
  return {
    split: (text) => {
      const marked = text.replaceAll(' ', '▁');
      const prefix = scheme === 'always' && text !== '' && !marked.startsWith('▁') ? 1 : 0;
      const words = matchWords('▁'.repeat(prefix) + marked, /▁[^▁]*|[^▁]+/gu);
      return words.map(({ text: word, start }) =>
        start === 0 && prefix > 0 ? { text: word, start: 0, prefix } : { text: word, start: start - prefix },
      );
    },
    byteLevel: false,
  };
}
