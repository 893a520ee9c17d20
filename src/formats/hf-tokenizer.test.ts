import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError, TokenizerError } from '../errors.ts';
import type { PairEncoding } from './hf-pairs.ts';
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

  it('cuts merges whose pieces hold spaces where both parts are known', () => {
    const spaces = { ...vocab, ' ': 8, '  ': 9 };
    const load = loadHuggingFaceTokenizer({
      ...file,
      pre_tokenizer: null,
      model: { ...model, vocab: spaces, merges: ['a b', '   '] },
    });
    expect(load.tokenize('ab  ')).toEqual(['ab', '  ']);
  });

  it('takes what is unknown as its bytes, or joins it', () => {
    const bytes = { ...vocab, '<0xC3>': 8, '<0xA9>': 9 };
    const fallback = { ...model, vocab: bytes, byte_fallback: true, fuse_unk: true };
    const load = loadHuggingFaceTokenizer({ ...file, model: fallback });
    expect(load.encodeWithOffsets('aéüöb')).toEqual({
      ids: [2, 8, 9, 0, 3],
      offsets: [
        [0, 1],
        [1, 2],
        [1, 2],
        [2, 4],
        [4, 5],
      ],
    });
  });

  it('puts two texts together, and cuts off no token without giving it back', () => {
    const post_processor = { type: 'BertProcessing', cls: ['[UNK]', 0], sep: ['[MASK]', 1] };
    const tokenizer = loadHuggingFaceTokenizer({ ...file, post_processor });
    expect(tokenizer.encodePair('ab', 'b a')).toEqual({
      ids: [0, 4, 1, 3, 2, 1],
      offsets: [
        [0, 0],
        [0, 2],
        [0, 0],
        [0, 1],
        [2, 3],
        [0, 0],
      ],
      typeIds: [0, 0, 0, 1, 1, 1],
      attentionMask: [1, 1, 1, 1, 1, 1],
      specialTokensMask: [1, 0, 1, 0, 0, 1],
      overflowing: [],
    });
    const letters = fc.string({ unit: fc.constantFrom('a ', 'b '), maxLength: 40 });
    const numbers = fc.tuple(fc.integer({ min: 5, max: 20 }), fc.integer({ min: 0, max: 1 }));
    fc.assert(
      fc.property(letters, letters, numbers, (first, second, [maxLength, padTo]) => {
        const whole = tokenizer.encodePair(first, second);
        const cut = tokenizer.encodePair(first, second, { maxLength, padTo: padTo * 25 });
        const rows = [cut, ...cut.overflowing];
        for (const row of rows) expect(row.ids.length).toBeLessThanOrEqual(Math.max(maxLength, padTo * 25));
        // A token of the text is known by its part and its place.
        const tokens = ({ typeIds, offsets, specialTokensMask }: PairEncoding) =>
          offsets.flatMap((span, i) => (specialTokensMask[i] ? [] : [`${typeIds[i]}:${span}`]));
        expect(new Set(rows.flatMap(tokens))).toEqual(new Set(tokens(whole)));
      }),
    );
  });

  it.each([
    [{ maxLength: 2 }, 'encodePair: expected maxLength of at least 3, the special tokens, got 2'],
    [{ maxLength: 6, stride: 2 }, 'expected stride below 1, what is kept of a text, got 2'],
    [{ maxLength: 4, truncate: 'onlyFirst' }, 'expected a first text of more than 3 tokens to cut, got 2'],
  ] as const)('refuses to cut two texts with %j', (options, message) => {
    const post_processor = { type: 'BertProcessing', cls: ['[UNK]', 0], sep: ['[MASK]', 1] };
    const tokenizer = loadHuggingFaceTokenizer({ ...file, post_processor });
    expect(() => tokenizer.encodePair('a b', 'b a', options)).toThrow(message);
  });

  it('reads merges as text or as pairs', () => {
    const asText = loadHuggingFaceTokenizer({ ...file, model: { ...model, merges: ['a b'] } });
    expect(asText.tokenize('abba')).toEqual(['ab', 'b', 'a']);
    expect(loadHuggingFaceTokenizer(file).tokenize('abba')).toEqual(['ab', 'b', 'a']);
  });

  it.each([
    [
      'another model',
      { model: { ...model, type: 'WordLevel' } },
      'a model of type BPE, WordPiece or Unigram, got "WordLevel"',
    ],
    ['no model', { model: undefined }, 'a model of type BPE, WordPiece or Unigram, got nothing'],
    ['no vocabulary', { model: { ...model, vocab: null } }, 'a BPE model with vocab and merges, got null'],
    ['dropout', { model: { ...model, dropout: 0.1 } }, 'without dropout, got 0.1'],
    [
      'a WordPiece model without its unknown token',
      { model: { type: 'WordPiece', vocab: { a: 0 } } },
      'the unknown token in vocab, got "[UNK]"',
    ],
    [
      'a Unigram model without scores',
      { model: { type: 'Unigram', unk_id: 0, vocab: ['a'] } },
      'a Unigram model with vocab as pieces and scores',
    ],
    [
      'an unknown token that is not there',
      { model: { type: 'Unigram', unk_id: 1, vocab: [['a', 0]] } },
      'unk_id from 0 to 0, got 1',
    ],
    ['an unknown normalizer', { normalizer: { type: 'X' } }, 'a normalizer that heed knows'],
    ['a regular expression', { normalizer: replace('(a+)+$') }, 'a normalizer that heed knows'],
    [
      'half a table of rewritings',
      { normalizer: { type: 'Precompiled', precompiled_charsmap: 'AAAA' } },
      'a whole table of rewritings, got 3 bytes with a trie of 0',
    ],
    ['an unknown pattern', { pre_tokenizer: split('(a+)+$') }, 'a pre-tokenizer that heed knows'],
    ['an unknown pre-tokenizer', { pre_tokenizer: { type: 'X' } }, 'a pre-tokenizer that heed knows'],
    ['an unknown decoder', { decoder: { type: 'X' } }, 'got X'],
    [
      'a template without the text',
      { post_processor: { type: 'TemplateProcessing', single: [] } },
      'a template with the text in it, got []',
    ],
    [
      'a template with a token that it does not name',
      {
        post_processor: {
          type: 'TemplateProcessing',
          single: [{ SpecialToken: { id: 'X' } }, { Sequence: { id: 'A' } }],
        },
      },
      'a template of texts and special tokens, got {"id":"X"}',
    ],
    ['an unknown post-processor', { post_processor: { type: 'X' } }, 'post-processor ByteLevel, Roberta'],
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

function replace(regex: string) {
  return { type: 'Replace', pattern: { Regex: regex }, content: '' };
}
