import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SentinelVocabulary } from './sentinels.ts';
import { trainTokenizer } from './train.ts';

const words = trainTokenizer({ kind: 'word' }, ['ape bee cat <7>']);
const letters = trainTokenizer({ kind: 'char' }, ['abc <>0123']);

describe('sentinels', () => {
  test('have the ids behind the vocabulary, and texts in angle brackets', () => {
    const codec = new SentinelVocabulary(words, 3, 'ape <0> cat <2>');
    const [ape, cat] = [words.id('ape')!, words.id('cat')!];
    expect(codec.source).toEqual([ape, words.vocabSize, cat, words.vocabSize + 2]);
    expect(codec.decode(codec.source)).toBe('ape <0> cat <2>');
    expect(codec.sourceToken(words.vocabSize + 1)).toBe('<1>');
    expect(codec.targetToken(ape)).toBe('ape');
  });

  test('beyond the last are text like any other', () => {
    expect(new SentinelVocabulary(words, 3, 'ape <7> bee').source).toEqual(words.encode('ape <7> bee'));
  });

  test('have no zeros before their numbers: those are text', () => {
    const codec = new SentinelVocabulary(letters, 2, '<00><1>');
    expect(codec.source).toEqual([...letters.encode('<00>'), letters.vocabSize + 1]);
    expect(codec.decode(codec.source)).toBe('<00><1>');
  });

  test('leave every text without them as it is, and come back from every text with them', () => {
    const part = fc.string({ unit: fc.constantFrom(...'abc <>0123'), maxLength: 12 });
    fc.assert(
      fc.property(part, (text) => {
        expect(new SentinelVocabulary(letters, 0, text).source).toEqual(letters.encode(text));
        const codec = new SentinelVocabulary(letters, 2, text);
        expect(codec.decode(codec.source)).toBe(text);
        const found = codec.source.filter((id) => id >= letters.vocabSize).length;
        expect(found).toBe([...text.matchAll(/<[01]>/g)].length);
      }),
    );
  });
});
