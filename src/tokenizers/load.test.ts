import { describe, expect, it } from 'vitest';
import { TokenizerError } from '../errors.ts';
import { loadTokenizer } from './load.ts';
import { trainTokenizer } from './train.ts';

const bpe = trainTokenizer({ kind: 'bpe', numMerges: 3 }, ['abc abc abc']).toJSON();
const bytes = trainTokenizer({ kind: 'bpe', numMerges: 1, preTokenizer: 'byteLevel' }, ['aa aa']).toJSON();
const char = trainTokenizer({ kind: 'char' }, ['ab']).toJSON();
const word = trainTokenizer({ kind: 'word' }, ['ab']).toJSON();

/** Size of vocabulary of `bpe`: 4 special, mark, a, b, c, c</w>, ab, abc</w>. */
const size = Object.keys(bpe.vocab).length;

describe('loadTokenizer', () => {
  it.each([
    ['not an object', [], 'a tokenizer as an object, got []'],
    ['another file', { model: {} }, 'format "heed-tokenizer"'],
    ['a newer version', { ...bpe, version: 2 }, 'expected version 1, got 2'],
    ['an unknown kind', { ...bpe, kind: 'bep' }, 'did you mean "bpe"'],
    ['an unknown normalizer', { ...bpe, normalizers: ['lower'] }, 'lowercase'],
    ['an unknown pre-tokenizer', { ...bpe, preTokenizer: 'white' }, 'a known preTokenizer, got "white"'],
    ['bytes for words', { ...word, preTokenizer: 'byteLevel' }, 'a known preTokenizer, got "byteLevel"'],
    ['no special tokens', { ...bpe, specialTokens: {} }, 'four texts of at least two characters'],
    ['no vocabulary', { ...bpe, vocab: undefined }, 'vocab as an object, got nothing'],
    [
      'an id twice',
      { ...bpe, vocab: { ...bpe.vocab, b: 5 } },
      "expected every id once, got id 5 for 'a' and 'b'",
    ],
    [
      'a gap of ids',
      { ...bpe, vocab: { ...bpe.vocab, x: size + 1 } },
      `ids 0 to ${size} without gaps, got id ${size + 1} for 'x'`,
    ],
    ['half an id', { ...bpe, vocab: { ...bpe.vocab, x: 0.5 } }, "an id for 'x', got 0.5"],
    ['a special token elsewhere', { ...bpe, vocab: { ...bpe.vocab, '<s>': 3, '</s>': 2 } }, "'<s>' as id 2"],
    [
      'an unknown part',
      { ...bpe, merges: [['a', 'xy']] },
      "merge 0 to join pieces of vocab, got 'xy' not in vocab",
    ],
    ['an unknown result', { ...bpe, merges: [['b', 'a']] }, "'ba' not in vocab"],
    ['half a merge', { ...bpe, merges: [['a']] }, 'merge 0 to be two pieces, got ["a"]'],
    [
      'a merge twice',
      { ...bpe, merges: [...(bpe.kind === 'bpe' ? bpe.merges : []), ['a', 'b']] },
      'every merge once',
    ],
    ['no mark', { ...bpe, endOfWord: undefined }, 'endOfWord of at least two characters'],
    ['another mark', { ...bpe, endOfWord: '##' }, '"##" in vocab'],
    [
      'a missing byte',
      { ...bytes, vocab: without(bytes.vocab, 'Ġ') },
      'all 256 bytes in vocab, got no piece "Ġ"',
    ],
    [
      'a foreign piece',
      { ...bytes, vocab: { ...bytes.vocab, 字: 261 } },
      'pieces of the byte alphabet, got "字"',
    ],
    [
      'a long character',
      { ...char, vocab: { ...char.vocab, ab: 6 } },
      'single characters in vocab, got "ab"',
    ],
    ['half a character', { ...word, vocab: { ...word.vocab, '\ud800': 5 } }, 'pieces of text'],
    ['an empty mark', { ...word, continuation: '' }, 'a text as continuation'],
  ])('refuses %s', (_, json, message) => {
    const load = () => loadTokenizer(json, 'my.json');
    expect(load).toThrow(TokenizerError);
    expect(load).toThrow(message);
    expect(load).toThrow(/^my\.json: /);
  });

  it('refuses merges that spell the end of a word inside one', () => {
    const pieces = ['<pad>', '<unk>', '<s>', '</s>', '</w>', '<', '/', 'w', '>', '</', '</w', 'x'];
    const json = {
      ...bpe,
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
      merges: [
        ['<', '/'],
        ['</', 'w'],
        ['</w', '>'],
      ],
    };
    expect(() => loadTokenizer(json)).toThrow('merge 2 to leave "</w>" at ends of words, got "</w>"');
  });
});

/** The vocabulary without a piece, ids closed up. */
function without(vocab: Readonly<Record<string, number>>, piece: string): Record<string, number> {
  const gone = vocab[piece]!;
  const kept = Object.entries(vocab).filter(([token]) => token !== piece);
  return Object.fromEntries(kept.map(([token, id]) => [token, id > gone ? id - 1 : id]));
}
