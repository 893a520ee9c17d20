/** SentencePiece `.model` files against what the library (0.2.2 and 0.1.97) makes of them. */
import { readFileSync } from 'node:fs';
import { describe, expect, it, type TestContext } from 'vitest';
import { loadSentencePiece, type SentencePieceTokenizer } from '../src/formats/sentencepiece.ts';
import { needData, needJson } from './support/shared-data.ts';

interface Expected {
  readonly text: string;
  readonly pieces: string[];
  readonly ids: number[];
  readonly decoded: string;
}

function load(context: TestContext, path: string): SentencePieceTokenizer {
  return loadSentencePiece(readFileSync(needData(context, path)), path);
}

function compare(tokenizer: SentencePieceTokenizer, expected: readonly Expected[]): void {
  expect(expected.length).toBeGreaterThan(10);
  const { unk } = tokenizer.specialTokens;
  for (const { text, pieces, ids, decoded } of expected) {
    expect(tokenizer.encode(text), text).toEqual(ids);
    expect(tokenizer.decode(ids), text).toBe(decoded);
    // The library shows the text of an unknown piece, heed the unknown token.
    const known = pieces.map((piece, i) => (ids[i] === unk ? tokenizer.token(unk) : piece));
    expect(tokenizer.tokenize(text), text).toEqual(known);
  }
}

describe('SentencePiece models (B9)', () => {
  it.for(['spm_bpe', 'spm_bpe_bytes', 'spm_unigram', 'spm_unigram_options'])(
    '%s: held-out lines and hostile strings',
    (name, context) => {
      const folder = `oracles/tokenizers/${name}`;
      const { heldout, hostile } = needJson(context, `${folder}/expected.json`) as Record<string, Expected[]>;
      compare(load(context, `${folder}/m.model`), [...heldout!, ...hostile!]);
    },
  );

  it.for(['llama2', 'test_model'])('%s, published', (name, context) => {
    const folder = 'tokenizers/sentencepiece';
    const expected = needJson(context, `${folder}/expected.json`) as Record<
      string,
      { readonly vocab: number; readonly cases: Expected[] }
    >;
    const tokenizer = load(context, `${folder}/${name}.model`);
    expect(tokenizer.vocabSize).toBe(expected[name]!.vocab);
    compare(tokenizer, expected[name]!.cases);
  });

  it('llama2: the ids of llama.cpp on its 47 texts', (context) => {
    const folder = 'tokenizers/llamacpp-vocab/ggml-vocab-llama-spm.gguf';
    const texts = readFileSync(needData(context, `${folder}.inp`), 'utf8').split('\n__ggml_vocab_test__\n');
    const expected = readFileSync(needData(context, `${folder}.out`), 'utf8').split('\n');
    const tokenizer = load(context, 'tokenizers/sentencepiece/llama2.model');
    expect(texts.length).toBeGreaterThan(40);
    const ids = texts.map((text) => tokenizer.encode(text).join(' '));
    expect(ids).toEqual(expected.slice(0, texts.length).map((line) => line.trim()));
  });

  it.for(['spm_unigram', 'spm_unigram_options'])('%s: n best', (name, context) => {
    const folder = `oracles/tokenizers/${name}`;
    const { nbest } = needJson(context, `${folder}/expected.json`) as {
      nbest: { readonly text: string; readonly nbest: number[][] }[];
    };
    const tokenizer = load(context, `${folder}/m.model`);
    expect(nbest.length).toBeGreaterThan(10);
    for (const { text, nbest: ways } of nbest) {
      expect(
        tokenizer.nBest(text, ways.length).map(({ ids }) => ids),
        text,
      ).toEqual(ways);
    }
  });

  it.for(['spm_bpe', 'spm_bpe_bytes', 'spm_unigram_options'])(
    '%s: every prefix of the file is refused by name',
    (name, context) => {
      const path = `oracles/tokenizers/${name}/m.model`;
      const bytes = readFileSync(needData(context, path));
      for (let length = 0; length < bytes.length; length += 997) {
        expect(() => loadSentencePiece(bytes.subarray(0, length), 'my.model')).toThrow(
          /^my\.model: expected /,
        );
      }
    },
  );
});
