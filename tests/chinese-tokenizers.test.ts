/** Chinese without spaces, alone and mixed with English: what each way of cutting it costs on unseen lines. */
import { readFileSync } from 'node:fs';
import { describe, expect, it, type TestContext } from 'vitest';
import { compressionReport, type TokenizerConfig, trainTokenizer } from '../src/tokenizers/index.ts';
import { needData } from './support/shared-data.ts';

/** The sentences of a file with one character and its label on each line. */
function sentences(context: TestContext, part: string): string[] {
  const text = readFileSync(needData(context, `ner-resume-zh/${part}.char.bmes`), 'utf8');
  return text
    .trim()
    .split('\n\n')
    .map((lines) => lines.replace(/ .*\n?/g, ''));
}

function english(context: TestContext, part: string, count: number): string[] {
  return readFileSync(needData(context, `multi30k/raw/${part}.en`), 'utf8')
    .split('\n')
    .slice(0, count);
}

const vocabSize = 2500;
const configs: Readonly<Record<string, TokenizerConfig>> = {
  char: { kind: 'char' },
  'bpe bytes': { kind: 'bpe', preTokenizer: 'byteLevel', vocabSize },
  'bpe ▁ bytes': { kind: 'bpe', preTokenizer: 'metaspace', byteFallback: true, vocabSize },
  unigram: { kind: 'unigram', vocabSize },
  'unigram bytes': { kind: 'unigram', byteFallback: true, limitAlphabet: 1000, vocabSize },
};

function table(train: readonly string[], test: readonly string[]) {
  return Object.fromEntries(
    Object.entries(configs).map(([name, config]) => {
      const { tokens, characters, unknownCharacters, restoredLines, lines } = compressionReport(
        trainTokenizer(config, train),
        test,
      );
      return [
        name,
        {
          perCharacter: tokens / characters,
          unknown: unknownCharacters,
          isLossless: restoredLines === lines,
        },
      ];
    }),
  );
}

describe.each([0, 1200])('Chinese with %i lines of English (B10)', (count) => {
  it('comes back from bytes, loses rare characters otherwise, and needs fewer tokens than characters', (context) => {
    const train = [...sentences(context, 'train').slice(0, 1200), ...english(context, 'train', count)];
    const test = [
      ...sentences(context, 'test').slice(0, 200),
      ...english(context, 'test_2016_flickr', count / 6),
    ];
    expect(test.join('')).toMatch(/[一-龥]{9}/);
    const rows = table(train, test);
    for (const name of ['bpe bytes', 'bpe ▁ bytes', 'unigram bytes']) {
      expect(rows[name], name).toMatchObject({ unknown: 0, isLossless: true });
    }
    for (const name of ['char', 'unigram']) {
      expect(rows[name]!.unknown, name).toBeGreaterThan(0);
      expect(rows[name]!.isLossless, name).toBe(false);
    }
    expect(rows.char!.perCharacter).toBe(1);
    for (const name of Object.keys(configs).slice(1)) {
      expect(rows[name]!.perCharacter, name).toBeLessThan(0.65);
    }
    // The byte level spends tokens on parts of rare characters, which ▁ with fallback spends on these alone.
    if (count === 0) expect(rows['bpe ▁ bytes']!.perCharacter).toBeLessThan(rows['bpe bytes']!.perCharacter);
  });
});
