import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyText } from '../../tests/support/any-text.ts';
import { loadTokenizer } from './load.ts';
import { normalizerNames } from './normalize.ts';
import { trainTokenizer } from './train.ts';
import type { Tokenizer, TokenizerConfig } from './types.ts';

const corpus = [
  'der hund läuft im garten , der hund schläft .',
  'ein mann mit blauem hemd und ein hund',
  "it's a <s> b </s> <unk> <pad> <s></s> <s><s>",
  'a</w>b </w> a</w>b </w>',
  '__proto__ constructor __proto__ constructor',
];

const configs: readonly TokenizerConfig[] = [
  { kind: 'word' },
  { kind: 'word', preTokenizer: 'punctuation', normalizers: ['lowercase'] },
  { kind: 'char' },
  { kind: 'char', normalizers: ['nfkc', 'stripAccents'] },
  { kind: 'bpe', numMerges: 60 },
  { kind: 'bpe', numMerges: 60, preTokenizer: 'punctuation', normalizers: ['nfc', 'lowercase'] },
  { kind: 'bpe', numMerges: 60, preTokenizer: 'byteLevel' },
  { kind: 'bpe', numMerges: 60, preTokenizer: 'byteLevel', normalizers: [...normalizerNames] },
  { kind: 'bpe', numMerges: 60, mergesPerStep: 3, preTokenizer: 'metaspace', normalizers: ['nfkc'] },
  { kind: 'bpe', numMerges: 60, preTokenizer: 'metaspace', byteFallback: true },
  { kind: 'bpe', numMerges: 60, preTokenizer: 'metaspace', byteFallback: true, limitAlphabet: 3 },
  { kind: 'bpe', numMerges: 60, preTokenizer: 'bert' },
  { kind: 'wordpiece', numMerges: 60 },
  { kind: 'wordpiece', numMerges: 60, preTokenizer: 'whitespace', score: 'frequency', continuation: '@@' },
  { kind: 'unigram', vocabSize: 400 },
  { kind: 'unigram', vocabSize: 700, byteFallback: true, sparsePrior: false, normalizers: ['nfkc'] },
  { kind: 'unigram', vocabSize: 300, byteFallback: true, limitAlphabet: 3, emSteps: 1 },
];

/** Whether spaces are ▁ and a written ▁ is unknown. */
function hasSpaceMark(config: TokenizerConfig): boolean {
  const { kind, preTokenizer, byteFallback } = config as {
    kind: string;
    preTokenizer?: string;
    byteFallback?: boolean;
  };
  return !byteFallback && (kind === 'unigram' || preTokenizer === 'metaspace');
}

const named = configs.map((config) => [JSON.stringify(config), config] as const);

describe.each(named)('%s', (_, config) => {
  const tokenizer = trainTokenizer(config, corpus);
  const { unk, bos, eos } = tokenizer.specialTokens;

  it('brings every text of its pieces back', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const local = trainTokenizer(config, [text]);
        // Training leaves out words that are spelled as a special token, and the mark of spaces where it is written.
        const leavesOut = config.kind === 'word' ? /<s>|<\/s>|<unk>|<pad>/ : /▁/;
        if ((config.kind !== 'word' && !hasSpaceMark(config)) || !leavesOut.test(text)) {
          expect(local.encode(text)).not.toContain(unk);
          expect(local.decode(local.encode(text))).toBe(local.normalize(text));
        }
        const ids = tokenizer.encode(text);
        if (!ids.includes(unk)) expect(tokenizer.decode(ids)).toBe(tokenizer.normalize(text));
      }),
    );
  });

  it('never takes text for a special token', () => {
    const forged = fc.constantFrom(...corpus, '<s>', '</s>', '<unk>', '<pad>', '<s> </s>');
    fc.assert(
      fc.property(fc.oneof(forged, anyText), (text) => {
        const ids = tokenizer.encode(text);
        expect(ids.every((id) => id === unk || id > eos)).toBe(true);
        expect(tokenizer.encode(text, { addBos: true, addEos: true })).toEqual([bos, ...ids, eos]);
      }),
    );
    expect(tokenizer.decode([bos, ...tokenizer.encode('hund'), eos])).toBe('hund');
  });

  it('gives offsets in order, of the ids that encode gives', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const { ids, offsets } = tokenizer.encodeWithOffsets(text, { addBos: true, addEos: true });
        expect(ids).toEqual(tokenizer.encode(text, { addBos: true, addEos: true }));
        expect(offsets.length).toBe(ids.length);
        let before = 0;
        for (const [start, end] of offsets) {
          expect(start).toBeGreaterThanOrEqual(before);
          expect(end).toBeGreaterThanOrEqual(start);
          before = start;
        }
        expect(before).toBeLessThanOrEqual(text.length);
      }),
    );
  });

  it('is made again by its saved form alone', () => {
    const json = JSON.stringify(tokenizer);
    const again = loadTokenizer(JSON.parse(json));
    expect(JSON.stringify(again)).toBe(json);
    fc.assert(
      fc.property(anyText, (text) => {
        const encoding = tokenizer.encodeWithOffsets(text);
        expect(again.encodeWithOffsets(text)).toEqual(encoding);
        expect(again.decode(encoding.ids)).toBe(tokenizer.decode(encoding.ids));
      }),
    );
  });

  it('keeps ids 0 to 3 for the special tokens and names every id once', () => {
    expect([0, 1, 2, 3].map((id) => tokenizer.token(id))).toEqual(['<pad>', '<unk>', '<s>', '</s>']);
    for (let id = 0; id < tokenizer.vocabSize; id++) expect(tokenizer.id(tokenizer.token(id))).toBe(id);
    for (const id of [-1, 0.5, tokenizer.vocabSize, NaN]) {
      expect(() => tokenizer.decode([id])).toThrow(`expected ids from 0 to ${tokenizer.vocabSize - 1}`);
    }
  });
});

describe('offsets', () => {
  const pieces = (tokenizer: Tokenizer, text: string) =>
    tokenizer.encodeWithOffsets(text).offsets.map(([start, end]) => text.slice(start, end));

  it('are slices of the text that was given', () => {
    const word = trainTokenizer({ kind: 'word', normalizers: ['nfc'] }, ['a']);
    expect(pieces(word, ' cafe\u0301  x')).toEqual(['cafe\u0301', 'x']);
    const bytes = trainTokenizer({ kind: 'bpe', numMerges: 0, preTokenizer: 'byteLevel' }, []);
    expect(pieces(bytes, 'é😀')).toEqual(['é', 'é', '😀', '😀', '😀', '😀']);
    const bpe = trainTokenizer({ kind: 'bpe', numMerges: 9, normalizers: ['lowercase'] }, [
      'der der hund hund',
    ]);
    // U+1D15E has no composed form: NFC makes two characters of it, which are two words here.
    const note = trainTokenizer(
      { kind: 'bpe', numMerges: 0, preTokenizer: 'punctuation', normalizers: ['nfc'] },
      [],
    );
    expect(note.encodeWithOffsets('\u{1d15e}').offsets).toEqual([
      [0, 2],
      [0, 0],
      [0, 2],
      [2, 2],
    ]);
    expect(pieces(bpe, 'DER  Hundert')).toEqual(['DER', 'Hu', 'n', 'de', 'r', 't', '']);
  });
});

describe('kinds', () => {
  it('word: keeps the frequent ones, the rest is unknown', () => {
    const lines = ['b b b a a c c d'];
    const tokenizer = trainTokenizer({ kind: 'word', minFrequency: 2 }, lines);
    expect(tokenizer.tokenize('d c b a')).toEqual(['<unk>', 'c', 'b', 'a']);
    expect(tokenizer.encode('b a c')).toEqual([4, 5, 6]);
    expect(tokenizer.report).toEqual({ requested: undefined, reached: 7, reason: 'minFrequency' });
    const small = trainTokenizer({ kind: 'word', maxVocabSize: 5 }, lines);
    expect(small.tokenize('a b')).toEqual(['<unk>', 'b']);
    expect(small.report.reason).toBe('reached');
  });

  it('word: joins what ends in the continuation mark', () => {
    const tokenizer = trainTokenizer({ kind: 'word', continuation: '@@' }, ['viel@@ er bü@@ sche']);
    expect(tokenizer.decode(tokenizer.encode('viel@@ er bü@@ sche'))).toBe('vieler büsche');
    expect(loadTokenizer(JSON.parse(JSON.stringify(tokenizer))).decode([4, 5])).toBe(
      tokenizer.decode([4, 5]),
    );
  });

  it('char: counts code points, not UTF-16 units', () => {
    const tokenizer = trainTokenizer({ kind: 'char' }, ['𠀀👍🏽 é']);
    expect(tokenizer.encode('𠀀👍🏽 é').length).toBe(5);
    expect(tokenizer.decode(tokenizer.encode('é 𠀀'))).toBe('é 𠀀');
    expect(tokenizer.encode('x')).toEqual([1]);
  });

  it('bpe: an unknown character at the end of a word does not join it to the next', () => {
    const tokenizer = trainTokenizer({ kind: 'bpe', numMerges: 2 }, ['ab ab']);
    expect(tokenizer.tokenize('aé ba')).toEqual(['a', '<unk>', '</w>', 'b', 'a', '</w>']);
    expect(tokenizer.decode(tokenizer.encode('aé ba'))).toBe('a ba');
    expect(tokenizer.decode(tokenizer.encode('ab', { addEos: true }), { skipSpecialTokens: false })).toBe(
      'ab </s>',
    );
  });

  it('bpe: reports how many pieces the text had to give', () => {
    const tokenizer = trainTokenizer({ kind: 'bpe', vocabSize: 50 }, ['abab abab']);
    // 4 special, </w>, a, b, b</w>, ab, ab</w>, abab</w>
    expect(tokenizer.report).toEqual({ requested: 50, reached: 11, reason: 'exhausted' });
    const exact = trainTokenizer({ kind: 'bpe', vocabSize: 9 }, ['abab abab']);
    expect(exact.report).toEqual({ requested: 9, reached: 9, reason: 'reached' });
    expect(trainTokenizer({ kind: 'bpe', numMerges: 9 }, ['abab']).report).toEqual({
      requested: 17,
      reached: 8,
      reason: 'minFrequency',
    });
  });
});

describe('training configurations', () => {
  it('name every bad field at once, and what was meant', () => {
    const bad = { kind: 'bpe', vocabsize: 9, minFrequency: 0, normalizers: ['nfd'], endOfWord: '_' };
    expect(() => trainTokenizer(bad as unknown as TokenizerConfig, [])).toThrow(
      /vocabsize: .*did you mean "vocabSize".*minFrequency: .*at least 1, got 0.*nfd.*one of the two.*endOfWord/,
    );
    expect(() => trainTokenizer({ kind: 'wrod' } as unknown as TokenizerConfig, [])).toThrow(
      'did you mean "word"',
    );
    expect(() => trainTokenizer({ kind: 'word', specialTokens: { pad: '<s>' } }, [])).toThrow(
      'four different texts',
    );
  });

  it('ask for room for the alphabet', () => {
    expect(() => trainTokenizer({ kind: 'bpe', vocabSize: 7 }, ['abc'])).toThrow(
      'expected at least 9 for the alphabet and the special tokens, got 7; hint: raise vocabSize or set limitAlphabet',
    );
  });
});
