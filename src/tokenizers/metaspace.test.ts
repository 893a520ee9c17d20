import { describe, expect, it } from 'vitest';
import { splitMetaspace, trainingWords } from './metaspace.ts';
import { trainTokenizer } from './train.ts';

describe('splitMetaspace', () => {
  it('gives every space to the word after it', () => {
    const words = (text: string) => splitMetaspace(text).map(({ text: word, start }) => [word, start]);
    expect(words('a  bc ')).toEqual([
      ['▁a', -1],
      ['▁', 1],
      ['▁bc', 2],
      ['▁', 5],
    ]);
    expect(words('')).toEqual([]);
    expect(words('中文\t字')).toEqual([['▁中文\t字', -1]]);
  });

  it('tells a written ▁ from a space, beside characters outside the basic plane too', () => {
    expect(splitMetaspace('a▁b').map(({ text }) => text)).toEqual(['▁a\ud800b']);
    expect(trainingWords('a▁𐀀 ▁')).toEqual(['▁a', '𐀀', '▁']);
  });
});

describe('the SentencePiece way', () => {
  const config = { kind: 'bpe', preTokenizer: 'metaspace' } as const;

  it('gives offsets in the text, the space before a word with it', () => {
    const tokenizer = trainTokenizer({ ...config, numMerges: 9 }, ['ein hund ein hund']);
    expect(tokenizer.tokenize('ein  hund')).toEqual(['▁ein', '▁', '▁hund']);
    expect(tokenizer.encodeWithOffsets('ein  hund').offsets).toEqual([
      [0, 3],
      [3, 4],
      [4, 9],
    ]);
  });

  it('makes bytes of unknown characters, and text of bytes', () => {
    const tokenizer = trainTokenizer({ ...config, byteFallback: true, numMerges: 0 }, ['a']);
    expect(tokenizer.tokenize('aé▁')).toEqual(['▁', 'a', '<0xC3>', '<0xA9>', '<0xE2>', '<0x96>', '<0x81>']);
    expect(tokenizer.decode(tokenizer.encode('aé▁'))).toBe('aé▁');
    expect(tokenizer.tokenize('<0xC3>').slice(0, 2)).toEqual(['▁', '<0x3C>']);
    expect(tokenizer.decode([4 + 0xc3, 4 + 0x28])).toBe('\ufffd(');
    const ids = tokenizer.encode('a', { addBos: true, addEos: true });
    expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe('<s>a</s>');
  });

  it('has no place for other marks', () => {
    const train = (options: object) => () => trainTokenizer({ ...config, numMerges: 1, ...options }, ['a']);
    expect(train({ endOfWord: '</w>' })).toThrow('endOfWord: has no place beside ▁');
    expect(train({ preTokenizer: 'whitespace', byteFallback: true })).toThrow(
      'byteFallback: needs preTokenizer metaspace',
    );
    expect(train({ numMerges: undefined, vocabSize: 200, byteFallback: true })).toThrow(
      'expected at least 262',
    );
  });
});
