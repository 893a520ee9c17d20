import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Example, makeExample, splitByKey, trainingPairs } from './examples.ts';

const words = Array.from({ length: 20_000 }, (_, i) => makeExample(`word${i % 10_000}`, [`${i}`]));
const sources = (examples: readonly Example[]) => new Set(examples.map((example) => example.source));

describe('splitByKey', () => {
  const options = { test: 0.05, validation: 0.02, seed: 1 };
  const split = splitByKey(words, options);

  it('never puts a word in two parts, and loses none', () => {
    const parts = [split.train, split.validation, split.test].map(sources);
    expect(parts.reduce((total, part) => total + part.size, 0)).toBe(10_000);
    expect(split.train.length + split.validation.length + split.test.length).toBe(20_000);
  });

  it('gives each part its share (within 4 standard deviations)', () => {
    const near = (part: readonly Example[], share: number) =>
      Math.abs(sources(part).size - 10_000 * share) / Math.sqrt(10_000 * share * (1 - share));
    expect(near(split.test, 0.05)).toBeLessThan(4);
    expect(near(split.validation, 0.02)).toBeLessThan(4);
  });

  it('depends on the seed and on nothing but the word', () => {
    const other = splitByKey(words, { ...options, seed: 2 });
    expect(sources(other.test)).not.toEqual(sources(split.test));
    fc.assert(
      fc.property(fc.subarray(words.slice(0, 300)), (some) => {
        const kept = splitByKey(some, options).test;
        expect(kept).toEqual(some.filter((example) => split.test.includes(example)));
      }),
      { numRuns: 20 },
    );
  });

  it('refuses shares that leave nothing', () => {
    expect(() => splitByKey([], { test: 0.5, validation: 0.5, seed: 1 })).toThrow('sum to less than 1');
    expect(() => splitByKey([], { test: NaN, validation: 0, seed: 1 })).toThrow('test NaN');
  });
});

it('trainingPairs gives one pair for each accepted target', () => {
  expect(trainingPairs([makeExample('a', ['x', 'y']), makeExample('b', ['z'])])).toEqual([
    { source: 'a', target: 'x' },
    { source: 'a', target: 'y' },
    { source: 'b', target: 'z' },
  ]);
});
