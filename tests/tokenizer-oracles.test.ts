/** Tokenizers against files made by other implementations: tokenizers 0.23 (Hugging Face) and subword-nmt. */
import { readFileSync } from 'node:fs';
import { describe, expect, it, type TestContext } from 'vitest';
import { loadHuggingFaceTokenizer } from '../src/formats/hf-tokenizer.ts';
import { BpeModel } from '../src/tokenizers/bpe-model.ts';
import { trainBpe } from '../src/tokenizers/bpe-trainer.ts';
import { byteToChar, toByteChars } from '../src/tokenizers/byte-alphabet.ts';
import { splitWords } from '../src/tokenizers/pre-tokenize.ts';
import type { Merge, PreTokenizerName, TokenCodec } from '../src/tokenizers/types.ts';
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

describe('Hugging Face tokenizer.json', () => {
  it.each(['bpe_whitespace', 'bpe_byte_level', 'bpe_end_of_word'])('%s: held-out lines', (name, context) => {
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

  it.each(['bpe_whitespace', 'bpe_byte_level', 'bpe_end_of_word'])('%s: hostile strings', (name, context) => {
    const folder = `oracles/tokenizers/${name}`;
    const tokenizer = loadHuggingFaceTokenizer(needJson(context, `${folder}/tokenizer.json`));
    const texts = needJson(context, 'oracles/tokenizers/hostile_strings.json') as string[];
    compare(tokenizer, texts, needJson(context, `${folder}/hostile.json`) as Expected[]);
  });

  it.each(['roberta-base', 'clip'])('%s: hostile strings', (name, context) => {
    const file = needJson(context, `tokenizers/tokenizer-json/${name}/tokenizer.json`);
    const texts = needJson(context, 'oracles/tokenizers/hostile_strings.json') as string[];
    const { hostile } = needJson(context, `oracles/tokenizers/existing/${name}.json`) as { hostile: Expected[] };
    compare(loadHuggingFaceTokenizer(file), texts, hostile);
  });
});
