/** Tokenizers against files made by other implementations: tokenizers 0.23 (Hugging Face) and subword-nmt. */
import { readFileSync } from 'node:fs';
import { describe, expect, it, type TestContext } from 'vitest';
import { TokenizerError } from '../src/errors.ts';
import type { PairOptions } from '../src/formats/hf-pairs.ts';
import { type HuggingFaceTokenizer, loadHuggingFaceTokenizer } from '../src/formats/hf-tokenizer.ts';
import { BpeModel, rankMerges } from '../src/tokenizers/bpe-model.ts';
import { trainBpe } from '../src/tokenizers/bpe-trainer.ts';
import { byteToChar, toByteChars } from '../src/tokenizers/byte-alphabet.ts';
import { splitWords, type WordSplit } from '../src/tokenizers/pre-tokenize.ts';
import { trainTokenizer } from '../src/tokenizers/train.ts';
import type { Merge, TokenCodec } from '../src/tokenizers/types.ts';
import { needData, needJson } from './support/shared-data.ts';

interface Expected {
  readonly text?: string;
  readonly ids: number[];
  readonly ids_no_special?: number[];
  readonly offsets: [number, number][];
  readonly decoded: string;
  readonly decoded_skip_special?: string;
}

function needLines(context: TestContext, path: string): string[] {
  return readFileSync(needData(context, path), 'utf8').split('\n');
}

/** The oracle counts code points, heed UTF-16 units. */
function inCodePoints(text: string, offsets: readonly [number, number][]): [number, number][] {
  const count = (end: number) => [...text.slice(0, end)].length;
  return offsets.map(([start, end]) => [count(start), count(end)]);
}

function compare(tokenizer: TokenCodec, texts: readonly string[], expected: readonly Expected[]): void {
  expect(expected.length).toBe(texts.length);
  const both = { addBos: true, addEos: true };
  texts.forEach((text, i) => {
    const want = expected[i]!;
    const { ids, offsets } = tokenizer.encodeWithOffsets(text, both);
    expect(ids, text).toEqual(want.ids);
    expect(tokenizer.encode(text), text).toEqual(want.ids_no_special ?? want.ids);
    expect(tokenizer.decode(ids, { skipSpecialTokens: false }), text).toBe(want.decoded);
    expect(tokenizer.decode(ids), text).toBe(want.decoded_skip_special ?? want.decoded);
    expect(inCodePoints(text, offsets), text).toEqual(want.offsets);
  });
}

const trained = ['bpe_whitespace', 'bpe_byte_level', 'bpe_end_of_word', 'wordpiece', 'unigram'];
const published = ['roberta-base', 'clip', 't5-small', 'llama2'];

describe('Hugging Face tokenizer.json', () => {
  it.for(trained)('%s: held-out lines', (name, context) => {
    const folder = `oracles/tokenizers/${name}`;
    const tokenizer = loadHuggingFaceTokenizer(needJson(context, `${folder}/tokenizer.json`));
    const expected = needJson(context, `${folder}/heldout.json`) as Expected[];
    expect(expected.length).toBe(200);
    compare(
      tokenizer,
      expected.map((line) => line.text!),
      expected,
    );
  });

  it.for(trained)('%s: hostile strings', (name, context) => {
    const folder = `oracles/tokenizers/${name}`;
    const tokenizer = loadHuggingFaceTokenizer(needJson(context, `${folder}/tokenizer.json`));
    const texts = needJson(context, 'oracles/tokenizers/hostile_strings.json') as string[];
    compare(tokenizer, texts, needJson(context, `${folder}/hostile.json`) as Expected[]);
  });

  it.for(published)('%s: held-out lines and hostile strings (B6)', (name, context) => {
    const file = needJson(context, `tokenizers/tokenizer-json/${name}/tokenizer.json`);
    const texts = needJson(context, 'oracles/tokenizers/hostile_strings.json') as string[];
    const { heldout, hostile } = needJson(context, `oracles/tokenizers/existing/${name}.json`) as {
      heldout: Expected[];
      hostile: Expected[];
    };
    const tokenizer = loadHuggingFaceTokenizer(file);
    compare(
      tokenizer,
      heldout.map((line) => line.text!),
      heldout,
    );
    compare(tokenizer, texts, hostile);
  });
});

interface ExpectedPair {
  readonly text: [string, string];
  readonly options: {
    readonly truncation?: {
      readonly max_length: number;
      readonly stride?: number;
      readonly strategy?: string;
    };
    readonly padding?: { readonly length: number };
  };
  readonly error?: string;
  readonly ids: number[];
  readonly type_ids: number[];
  readonly attention_mask: number[];
  readonly special_tokens_mask: number[];
  readonly offsets: [number, number][];
  readonly overflowing: number[][];
}

function pairOptions({ truncation, padding }: ExpectedPair['options']): PairOptions {
  return {
    ...(truncation && { maxLength: truncation.max_length, stride: truncation.stride ?? 0 }),
    ...(truncation?.strategy === 'only_second' && { truncate: 'onlySecond' }),
    ...(padding && { padTo: padding.length }),
  };
}

/**
 * What is cut off, for every place behind `maxLength` tokens where reading may have stopped: tokenizers 0.23 reads a
 * text no further than the word that reaches that length, so that the rest is missing in what it cuts off. heed
 * reads everything, as longer texts need it.
 */
function overflows(tokenizer: HuggingFaceTokenizer, { text, options }: ExpectedPair): number[][][] {
  const least = options.truncation?.max_length ?? Infinity;
  const beginnings = text.map((whole) => {
    const { offsets } = tokenizer.encodeWithOffsets(whole);
    const ends = offsets.slice(least - 1, least + 8).map(([, end]) => end);
    return [...new Set([...ends, whole.length])].map((end) => whole.slice(0, end));
  }) as [string[], string[]];
  return beginnings[0].flatMap((first) =>
    beginnings[1].map((second) => {
      const total = tokenizer.encodePair(first, second, pairOptions(options));
      return total.overflowing.map(({ ids }) => ids);
    }),
  );
}

describe('two texts as one input', () => {
  it.for(['wordpiece', ...published])('%s', (name, context) => {
    const isTrained = name === 'wordpiece';
    const stored = isTrained ? `${name}/pairs.json` : `existing/${name}.json`;
    const content = needJson(context, `oracles/tokenizers/${stored}`);
    const expected = isTrained ? (content as ExpectedPair[]) : (content as { pairs: ExpectedPair[] }).pairs;
    const path = isTrained ? `oracles/tokenizers/${name}` : `tokenizers/tokenizer-json/${name}`;
    const tokenizer = loadHuggingFaceTokenizer(needJson(context, `${path}/tokenizer.json`));
    expect(expected.length).toBe(30);
    for (const want of expected) {
      const [first, second] = want.text;
      const encode = () => tokenizer.encodePair(first, second, pairOptions(want.options));
      if (want.error !== undefined) {
        expect(encode, want.error).toThrow(TokenizerError);
        continue;
      }
      const got = encode();
      expect(got.ids).toEqual(want.ids);
      expect(got.typeIds).toEqual(want.type_ids);
      expect(got.attentionMask).toEqual(want.attention_mask);
      expect(got.specialTokensMask).toEqual(want.special_tokens_mask);
      expect(overflows(tokenizer, want)).toContainEqual(want.overflowing);
      // These texts are in the basic plane, where code points are UTF-16 units.
      expect(first + second).not.toMatch(/[\u{10000}-\u{10ffff}]/u);
      expect(got.offsets).toEqual(want.offsets);
    }
  });
});

describe("BERT's published vocabulary (B7)", () => {
  it('gives the ids of llama.cpp on its 47 texts', (context) => {
    const folder = 'tokenizers/llamacpp-vocab/ggml-vocab-bert-bge.gguf';
    const texts = readFileSync(needData(context, `${folder}.inp`), 'utf8').split('\n__ggml_vocab_test__\n');
    const expected = needLines(context, `${folder}.out`);
    const vocab = needLines(context, 'tokenizers/bert-base-uncased/vocab.txt').filter(
      (piece) => piece !== '',
    );
    const tokenizer = loadHuggingFaceTokenizer({
      normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, lowercase: true },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      post_processor: null,
      decoder: { type: 'WordPiece' },
      model: { type: 'WordPiece', vocab: Object.fromEntries(vocab.map((piece, id) => [piece, id])) },
    });
    expect(vocab.length).toBe(30_522);
    expect(texts.length).toBeGreaterThan(40);
    const ids = texts.map((text) => tokenizer.encode(text).join(' '));
    expect(ids).toEqual(expected.slice(0, texts.length).map((line) => line.trim()));
  });
});

describe('BPE training', () => {
  it.for([
    { name: 'bpe_whitespace', split: 'punctuation', alphabet: [], specials: 4 },
    { name: 'bpe_byte_level', split: 'byteLevel', alphabet: byteToChar, specials: 1 },
  ] as const)('reproduces every piece and merge of $name', ({ name, split, alphabet, specials }, context) => {
    const lines = needLines(context, 'oracles/tokenizers/training_text.txt');
    const file = needJson(context, `oracles/tokenizers/${name}/tokenizer.json`) as {
      model: { vocab: Record<string, number>; merges: Merge[] };
    };
    const learned = learn(lines, split, '', alphabet, Object.keys(file.model.vocab).length - specials);
    expect(learned.merges).toEqual(file.model.merges);
    expect(learned.pieces.map((piece) => file.model.vocab[piece])).toEqual(
      learned.pieces.map((_, i) => i + specials),
    );
    expect(learned.reason).toBe('reached');
  });

  it('shares at least 95 % of the pieces of bpe_end_of_word, whose trainer is not reproducible', (context) => {
    const lines = needLines(context, 'oracles/tokenizers/training_text.txt').map((line) =>
      line.normalize('NFC').toLowerCase(),
    );
    const file = needJson(context, 'oracles/tokenizers/bpe_end_of_word/tokenizer.json') as {
      model: { vocab: Record<string, number> };
    };
    const { pieces } = learn(lines, 'whitespace', '</w>', [], 996);
    const shared = pieces.filter((piece) => Object.hasOwn(file.model.vocab, piece));
    expect(shared.length / 996).toBeGreaterThanOrEqual(0.95);
  });
});

/** Share of the pieces of a stored vocabulary, special tokens apart, that heed's training found too. */
function overlap(
  pieces: readonly string[],
  vocabulary: Iterable<string>,
  specials: readonly string[],
): number {
  const wanted = [...vocabulary].filter((piece) => !specials.includes(piece));
  const found = new Set(pieces);
  return wanted.filter((piece) => found.has(piece)).length / wanted.length;
}

const piecesOf = (tokenizer: TokenCodec): string[] =>
  Array.from({ length: tokenizer.vocabSize }, (_, id) => tokenizer.token(id));

describe('training where the other trainer is not reproducible: at least 95 % of its pieces', () => {
  const lines = (context: TestContext) => needLines(context, 'oracles/tokenizers/training_text.txt');

  it('wordpiece (B7)', (context) => {
    const file = needJson(context, 'oracles/tokenizers/wordpiece/tokenizer.json') as {
      model: { vocab: Record<string, number> };
    };
    const tokenizer = trainTokenizer(
      { kind: 'wordpiece', vocabSize: 999, score: 'frequency', normalizers: ['lowercase'] },
      lines(context),
    );
    const specials = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
    expect(overlap(piecesOf(tokenizer), Object.keys(file.model.vocab), specials)).toBeGreaterThanOrEqual(
      0.95,
    );
  });

  it('unigram (B8)', (context) => {
    const file = needJson(context, 'oracles/tokenizers/unigram/tokenizer.json') as {
      model: { vocab: [string, number][] };
    };
    const tokenizer = trainTokenizer(
      { kind: 'unigram', vocabSize: 2001, normalizers: ['nfkc'] },
      lines(context),
    );
    const wanted = file.model.vocab.map(([piece]) => piece);
    expect(overlap(piecesOf(tokenizer), wanted, ['<unk>', '<s>', '</s>'])).toBeGreaterThanOrEqual(0.95);
  });
});

function learn(
  lines: readonly string[],
  split: WordSplit,
  endOfWord: string,
  alphabet: readonly string[],
  maxPieces: number,
) {
  const counts = new Map<string, number>();
  for (const line of lines) {
    for (const { text } of splitWords(line, split)) {
      const word = split === 'byteLevel' ? toByteChars(text) : text;
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return trainBpe(counts, { endOfWord, alphabet, maxPieces, maxMerges: Infinity, minFrequency: 2 });
}

describe('subword-nmt 0.2 (Multi30k, joint 10k merges)', () => {
  it.for(['train.de', 'train.en', 'valid.de', 'valid.en', 'test.2016.de', 'test.2016.en'])(
    'segments every line of %s as the published file',
    (name, context) => {
      const merges = needLines(context, 'multi30k/bpe/code')
        .filter((line) => line !== '' && !line.startsWith('#version'))
        .map((line) => line.split(' ') as unknown as Merge);
      const published = needLines(context, `multi30k/bpe/${name}`);
      const words = published.map((line) => line.replaceAll('@@ ', ''));
      const segment = segmenter(merges, words);
      const different = published.filter((line, i) => segment(words[i]!) !== line);
      expect(different).toEqual([]);
      expect(published.length).toBeGreaterThan(1000);
    },
  );
});

/** subword-nmt's output form: pieces inside a word end in `@@`. */
function segmenter(merges: readonly Merge[], lines: readonly string[]): (line: string) => string {
  const symbols = [...new Set(lines.join(''))];
  const pieces = new Set([...symbols, ...symbols.map((symbol) => `${symbol}</w>`)]);
  for (const [left, right] of merges) for (const piece of [left, right, left + right]) pieces.add(piece);
  const texts = [...pieces];
  const ids = new Map(texts.map((piece, id) => [piece, id]));
  const model = new BpeModel(rankMerges(ids, merges));
  const segmentWord = (word: string): string => {
    const chars = [...word];
    chars.push(`${chars.pop()}</w>`);
    const merged = model.merge(chars.map((char) => ids.get(char)!)).ids.map((id) => texts[id]!);
    return merged.join('@@ ').replace('</w>', '');
  };
  const known = new Map<string, string>();
  return (line) =>
    line
      .split(' ')
      .map((word) => {
        const pieces = known.get(word) ?? (word === '' ? '' : segmentWord(word));
        known.set(word, pieces);
        return pieces;
      })
      .join(' ');
}
