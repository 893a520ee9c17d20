import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { needData } from '../../tests/support/shared-data.ts';
import { compressionReport } from './compression.ts';
import { loadTokenizer } from './load.ts';
import { trainTokenizer } from './train.ts';
import type { BpeData } from './types.ts';

describe('compressionReport (B13)', () => {
  it('counts by hand', () => {
    const tokenizer = trainTokenizer({ kind: 'char' }, ['aabb']);
    const report = compressionReport(tokenizer, ['aabb', 'é']);
    expect(report).toMatchObject({ words: 2, tokensPerWord: 2.5 });
    const spaced = compressionReport(tokenizer, ['  ab a\tb ', '']);
    expect(spaced.words).toBe(3);
    expect(spaced.tokensPerWord).toBe(spaced.tokens / 3);
    // 5 tokens: a ×2, b ×2, unknown ×1; tokens of 5, 5, 3, 4, 1 and 1 bytes and one byte each to end them.
    const entropy = 4 * Math.log2(5 / 2) + Math.log2(5);
    expect(report.textBits).toBeCloseTo(entropy, 12);
    expect(report).toMatchObject({
      characters: 5,
      bytes: 6,
      tokens: 5,
      charsPerToken: 1,
      vocabularyBits: 200,
    });
    expect(report.totalBits).toBeCloseTo(entropy + 200, 12);
    expect(report.bitsPerByte).toBeCloseTo((entropy + 200) / 6, 12);
  });

  it('shows fewer tokens with every merge, between characters and words', (context) => {
    const lines = readFileSync(needData(context, 'lm/tinyshakespeare.txt'), 'utf8').split('\n').slice(0, 500);
    const full = trainTokenizer({ kind: 'bpe', numMerges: 400 }, lines);
    const data = full.toJSON() as BpeData;
    const counts = [0, 1, 2, 5, 10, 50, 100, 200, 399, 400].map((n) => {
      const cut = loadTokenizer({ ...data, merges: data.merges.slice(0, n) });
      return compressionReport(cut, lines).tokens;
    });
    for (let i = 1; i < counts.length; i++) expect(counts[i]).toBeLessThan(counts[i - 1]!);
    const words = compressionReport(trainTokenizer({ kind: 'word' }, lines), lines);
    expect(counts[counts.length - 1]).toBeGreaterThan(words.tokens);
    expect(words.vocabularyBits).toBeGreaterThan(compressionReport(full, lines).vocabularyBits);
  });
});
