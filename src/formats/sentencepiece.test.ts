import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyText } from '../../tests/support/any-text.ts';
import {
  message,
  piece,
  sentencePieceModel,
  type WireField,
} from '../../tests/support/sentencepiece-bytes.ts';
import { Random } from '../core/random.ts';
import { FormatError } from '../errors.ts';
import { loadSentencePiece } from './sentencepiece.ts';
import { readTokenizerFile } from './tokenizer-file.ts';

const letters = [piece('▁', -2), piece('a', -2.5), piece('b', -3), piece('ab', -4), piece('▁ab', -4.5)];
const bpe: WireField = [3, 2];
const keepSpaces: readonly WireField[] = [[4, 0]];
const bytePieces = Array.from({ length: 256 }, (_, byte) =>
  piece(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`, 0, 6),
);

describe('loadSentencePiece', () => {
  it('cuts text by the unigram model, spaces and unknown characters included', () => {
    const tokenizer = loadSentencePiece(sentencePieceModel(letters));
    expect(tokenizer.vocabSize).toBe(8);
    expect(tokenizer.specialTokens).toEqual({ unk: 0, bos: 1, eos: 2 });
    expect(tokenizer.tokenize(' ab  xyb ')).toEqual(['▁ab', '▁', '<unk>', 'b']);
    expect(tokenizer.encodeWithOffsets(' ab  xyb ', { addBos: true, addEos: true })).toEqual({
      ids: [1, 7, 3, 0, 5, 2],
      offsets: [
        [0, 0],
        [1, 3],
        [3, 4],
        [5, 7],
        [7, 8],
        [9, 9],
      ],
    });
    expect(tokenizer.decode([1, 7, 3, 0, 5, 2])).toBe('ab  \u2047 b');
    expect(tokenizer.decode([1, 7, 2], { skipSpecialTokens: false })).toBe('<s> ab</s>');
    expect(tokenizer.nBest('ab', 2).map(({ score }) => score)).toEqual([-4.5, -6]);
  });

  it('merges by score for BPE, and keeps spaces where the model says so', () => {
    const tokenizer = loadSentencePiece(sentencePieceModel(letters, [bpe], keepSpaces));
    expect(tokenizer.tokenize('ab  ab')).toEqual(['▁ab', '▁', '▁ab']);
    expect(tokenizer.decode(tokenizer.encode(' ab  ab '))).toBe(' ab  ab ');
    expect(tokenizer.nBest('ab', 2)).toEqual([{ ids: [7], score: 0 }]);
  });

  it("never cuts or rewrites pieces of the user's own, and never reads control tokens from text", () => {
    for (const trainer of [[], [bpe]]) {
      const tokenizer = loadSentencePiece(sentencePieceModel([...letters, piece('<x>', 0, 4)], trainer));
      expect(tokenizer.tokenize('a<x>b')).toEqual(['▁', 'a', '<x>', 'b']);
      expect(tokenizer.encode('<s>')).not.toContain(1);
    }
  });

  it('brings every text back with byte fallback', () => {
    for (const trainer of [[[35, 1]], [[35, 1], bpe]] satisfies WireField[][]) {
      const tokenizer = loadSentencePiece(
        sentencePieceModel([...letters, ...bytePieces], trainer, keepSpaces),
      );
      fc.assert(
        fc.property(anyText, (text) => {
          const ids = tokenizer.encode(text);
          expect(ids).not.toContain(0);
          // The format cannot tell a written ▁ from a space.
          expect(tokenizer.decode(ids)).toBe(text.replace(/\p{Surrogate}/gu, '\ufffd').replaceAll('▁', ' '));
        }),
      );
      expect(tokenizer.decode([8 + 0xc3, 8 + 0x28])).toBe('\ufffd(');
    }
  });

  it('does not draw', () => {
    const tokenizer = loadSentencePiece(sentencePieceModel(letters));
    const sampling = { random: new Random(1, 'x') };
    expect(() => tokenizer.encode('a', { sampling })).toThrow('expected no sampling');
    expect(() => tokenizer.decode([8])).toThrow('expected ids from 0 to 7, got 8');
  });

  it.each([
    [
      'no file',
      new Uint8Array(0),
      'a SentencePiece model with pieces, trainer and normalizer, got fields of no kind',
    ],
    ['text', new TextEncoder().encode('ein hund'), 'my.model: expected '],
    ['half a file', sentencePieceModel(letters).subarray(0, 30), 'my.model: expected '],
    ['a model of words', sentencePieceModel(letters, [[3, 3]]), 'model type 1 (unigram) or 2 (bpe), got 3'],
    [
      'no unknown piece',
      message([...letters, [2, ''], [3, '']]),
      'one unknown piece, got 5 pieces, 0 of them unknown',
    ],
    ['a piece twice', sentencePieceModel([piece('a'), piece('a')]), 'every piece once, got 1 again'],
    ['a piece without text', sentencePieceModel([piece('')]), 'the text of a piece at byte'],
    ['an unknown type', sentencePieceModel([piece('a', 0, 9)]), 'a piece type from 1 to 6, got 9'],
    [
      'a short score',
      sentencePieceModel([
        [
          1,
          message([
            [1, 'a'],
            [2, 'x'],
          ]),
        ],
      ]),
      'a 32-bit number at byte',
    ],
    ['no UTF-8', sentencePieceModel([[1, message([[1, Uint8Array.of(0xff)]])]]), 'UTF-8 at byte'],
    ['missing bytes', sentencePieceModel(letters, [[35, 1]]), 'a piece for every byte, got no <0x00>'],
    ['half a table', sentencePieceModel(letters, [], [[2, 'abc']]), 'a whole table of rewritings'],
  ])('refuses %s', (_, bytes, expected) => {
    const load = () => loadSentencePiece(bytes, 'my.model');
    expect(load).toThrow(FormatError);
    expect(load).toThrow(expected);
    expect(() => readTokenizerFile(bytes, 'my.model')).toThrow(expected);
  });

  it('refuses damaged files or reads them, and fails in no other way', () => {
    const whole = sentencePieceModel([...letters, piece('<x>', 0, 4)], [bpe], keepSpaces);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        const damaged = whole.slice();
        damaged[at] = byte;
        try {
          loadSentencePiece(damaged).encode('ab x');
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
