import { describe, expect, it } from 'vitest';
import { FormatError, TokenizerError } from '../errors.ts';
import { loadHuggingFaceTokenizer } from './hf-tokenizer.ts';

const vocab = { '[UNK]': 0, '[MASK]': 1, a: 2, b: 3, ab: 4, '[': 5, M: 6, ']': 7 };
const model = { type: 'BPE', vocab, merges: [['a', 'b']], unk_token: '[UNK]' };
const mask = { id: 1, content: '[MASK]', special: true, lstrip: true, rstrip: false, normalized: false };
const file = {
  added_tokens: [mask],
  normalizer: null,
  pre_tokenizer: { type: 'Whitespace' },
  post_processor: null,
  decoder: null,
  model,
};

describe('loadHuggingFaceTokenizer', () => {
  it('takes added tokens from the text, or leaves them text', () => {
    const tokenizer = loadHuggingFaceTokenizer(file);
    expect(tokenizer.encodeWithOffsets('ab  [MASK] b')).toEqual({
      ids: [4, 1, 3],
      offsets: [
        [0, 2],
        [2, 10],
        [11, 12],
      ],
    });
    const text = loadHuggingFaceTokenizer(file, { parseAddedTokens: false });
    expect(text.encode('[MASK]')).toEqual([5, 6, 0, 0, 0, 7]);
    expect(text.encode('[MASK]')).not.toContain(1);
  });

  it('takes the longest of the added tokens that begin at one place', () => {
    const longer = { ...mask, id: 8, content: '[MASK]ab' };
    const tokenizer = loadHuggingFaceTokenizer({ ...file, added_tokens: [mask, longer] });
    expect(tokenizer.encode('[MASK]ab[MASK]a')).toEqual([8, 1, 2]);
    expect(tokenizer.vocabSize).toBe(9);
    expect(() => tokenizer.decode([9])).toThrow('expected ids from 0 to 8, got 9');
  });

  it('reads merges as text or as pairs', () => {
    const asText = loadHuggingFaceTokenizer({ ...file, model: { ...model, merges: ['a b'] } });
    expect(asText.tokenize('abba')).toEqual(['ab', 'b', 'a']);
    expect(loadHuggingFaceTokenizer(file).tokenize('abba')).toEqual(['ab', 'b', 'a']);
  });

  it.each([
    [
      'another model',
      { model: { ...model, type: 'WordPiece', merges: [] } },
      'a model of type BPE, got "WordPiece"',
    ],
    ['no model', { model: undefined }, 'a BPE model with vocab and merges'],
    ['byte fallback', { model: { ...model, byte_fallback: true } }, 'without byte_fallback, got true'],
    ['an unknown normalizer', { normalizer: { type: 'Precompiled' } }, 'a normalizer that heed knows'],
    ['an unknown pattern', { pre_tokenizer: split('(a+)+$') }, 'a pre-tokenizer that heed knows'],
    ['an unknown pre-tokenizer', { pre_tokenizer: { type: 'Metaspace' } }, 'a pre-tokenizer that heed knows'],
    [
      'an unknown decoder',
      { decoder: { type: 'Metaspace' } },
      'decoder ByteLevel or BPEDecoder, got Metaspace',
    ],
    ['an unknown post-processor', { post_processor: { type: 'X' } }, 'post-processor ByteLevel or Roberta'],
    ['tokens of whole words', { added_tokens: [{ ...mask, single_word: true }] }, 'without single_word'],
  ])('refuses %s', (_, change, message) => {
    const load = () => loadHuggingFaceTokenizer({ ...file, ...change }, { file: 'my.json' });
    expect(load).toThrow(FormatError);
    expect(load).toThrow(message);
  });

  it.each([
    [
      'a part that is not in the vocabulary',
      {
        merges: [
          ['a', 'b'],
          ['ab', 'xy'],
        ],
      },
      "merge 1: 'xy' not in vocab",
    ],
    ['a result that is not in the vocabulary', { merges: ['b a'] }, "merge 0: 'ba' not in vocab"],
    ['an id twice', { vocab: { ...vocab, c: 2 } }, "every id once, got id 2 for 'a' and 'c'"],
    ['half an id', { vocab: { ...vocab, c: 0.5 } }, "an id for 'c', got 0.5"],
  ])('refuses %s', (_, change, message) => {
    const load = () => loadHuggingFaceTokenizer({ ...file, model: { ...model, ...change } });
    expect(load).toThrow(TokenizerError);
    expect(load).toThrow(message);
  });
});

function split(regex: string) {
  return { type: 'Split', pattern: { Regex: regex }, behavior: 'Removed', invert: true };
}
