import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ConfigError } from '../errors.ts';
import { bitsPerUnit, languageModelScores, perplexity } from './language-model.ts';

test('a uniform model hesitates between all V tokens: log₂ V bits', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 100_000 }),
      fc.integer({ min: 1, max: 1000 }),
      (vocabulary, tokens) => {
        const nll = tokens * Math.log(vocabulary);
        expect(perplexity(nll, tokens) / vocabulary).toBeCloseTo(1, 10);
        expect(bitsPerUnit(nll, tokens)).toBeCloseTo(Math.log2(vocabulary), 10);
      },
    ),
  );
});

test('bits per byte do not depend on how the text was cut into tokens', () => {
  const [coarse, fine] = [2, 5].map((tokens) => languageModelScores(7, { tokens, characters: 9, bytes: 10 }));
  expect(coarse!.bitsPerByte).toBe(fine!.bitsPerByte);
  expect(coarse!.bitsPerByte).toBeCloseTo(7 / 10 / Math.log(2), 12);
  expect(coarse!.bitsPerCharacter).toBeCloseTo(7 / 9 / Math.log(2), 12);
  expect(coarse!.perplexity).toBeCloseTo(Math.exp(3.5), 12);
});

test('sizes that were not given have no figure', () => {
  expect(Object.keys(languageModelScores(1, { tokens: 1 }))).toEqual([
    'meanNll',
    'perplexity',
    'bitsPerToken',
  ]);
});

test('nothing to divide by', () => {
  expect(() => perplexity(1, 0)).toThrow(ConfigError);
  expect(() => bitsPerUnit(Number.NaN, 3)).toThrow('got NaN');
});
