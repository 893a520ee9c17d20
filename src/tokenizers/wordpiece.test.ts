import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { trainTokenizer } from './train.ts';
import { WordPieceModel } from './wordpiece.ts';

describe('WordPieceModel (B7)', () => {
  const ids = new Map(['un', 'u', 'a', '##aff', '##able', '##a', '##b'].map((piece, id) => [piece, id]));
  const beginnings = new Map([...ids].filter(([piece]) => !piece.startsWith('##')));
  const continuations = new Map(
    [...ids].filter(([piece]) => piece.startsWith('##')).map(([piece, id]) => [piece.slice(2), id]),
  );
  const model = new WordPieceModel(beginnings, continuations, { maxWordLength: 9, unk: 99 });

  it('cuts the example of BERT, and makes one unknown piece of a word that does not work out', () => {
    expect(model.encode('unaffable')).toEqual({ ids: [0, 3, 4], starts: [0, 2, 5], ends: [2, 5, 9] });
    expect(model.encode('unaffabl')).toEqual({ ids: [99], starts: [0], ends: [8] });
    expect(model.encode('')).toEqual({ ids: [], starts: [], ends: [] });
  });

  it('counts code points of long words', () => {
    expect(model.encode('uaaaaaaaa').ids.length).toBe(9);
    expect(model.encode('uaaaaaaaaa').ids).toEqual([99]);
    expect(model.encode('😀😀😀😀😀').ends).toEqual([10]);
  });

  it('takes the longest match at every place, as trying all lengths does', () => {
    const piece = fc.string({ unit: fc.constantFrom('a', 'b', '😀'), minLength: 1, maxLength: 4 });
    const pieces = fc.uniqueArray(piece, { maxLength: 10 });
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '😀'), minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(pieces, pieces, word, (first, later, text) => {
        const numbered = (list: readonly string[], from: number) =>
          new Map(list.map((item, i) => [item, from + i]));
        const tables = [numbered(first, 0), numbered(later, 100)] as const;
        const limits = { maxWordLength: 100, unk: 999 };
        const found = new WordPieceModel(...tables, limits).encode(text).ids;
        const slow: number[] = [];
        for (let rest = text; rest !== ''; ) {
          const table = rest === text ? tables[0] : tables[1];
          const [best] = [...table.keys()]
            .filter((item) => rest.startsWith(item))
            .sort((a, b) => b.length - a.length);
          if (best === undefined) {
            slow.splice(0, slow.length, 999);
            break;
          }
          slow.push(table.get(best)!);
          rest = rest.slice(best.length);
        }
        expect(found).toEqual(slow);
      }),
    );
  });
});

describe('training (B7)', () => {
  // f(ab) = 6, f(a) = f(b) = 12: 6/144. f(cd) = 4, f(c) = f(d) = 4: 4/16, though it is rarer.
  const lines = ['ab ab ab ab ab ab', 'a a a a a a', 'xb xb xb xb xb xb', 'cd cd cd cd'];

  it('merges what belongs together, where BPE merges what is frequent', () => {
    const first = (score: 'likelihood' | 'frequency') => {
      const tokenizer = trainTokenizer({ kind: 'wordpiece', numMerges: 1, score }, lines);
      return tokenizer.token(tokenizer.vocabSize - 1);
    };
    expect(first('likelihood')).toBe('cd');
    expect(first('frequency')).toBe('ab');
  });

  it('begins with the characters, and those that continue words with their mark', () => {
    const tokenizer = trainTokenizer({ kind: 'wordpiece', numMerges: 0 }, lines);
    const pieces = Array.from({ length: tokenizer.vocabSize - 4 }, (_, i) => tokenizer.token(4 + i));
    expect(pieces).toEqual(['a', 'b', 'c', 'd', 'x', '##b', '##d']);
  });

  it('never takes written marks for continuations', () => {
    const tokenizer = trainTokenizer(
      { kind: 'wordpiece', numMerges: 50, minFrequency: 1, preTokenizer: 'whitespace' },
      ['##b ##b a##b'],
    );
    expect(tokenizer.decode(tokenizer.encode('##b a##b a ##b'))).toBe('##b a##b a ##b');
    expect(tokenizer.tokenize('##b').every((piece, i) => piece.startsWith('##') === i > 0)).toBe(true);
  });

  it('isolates punctuation and ideographs as BERT does', () => {
    const tokenizer = trainTokenizer({ kind: 'wordpiece', numMerges: 0 }, ["it's 中文字a-b!"]);
    expect(tokenizer.normalize("it's  中文字a-b!")).toBe("it ' s 中 文 字 a - b !");
  });
});
