import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../core/random.ts';
import { type BatchOptions, bucketBatches, packedBatches, padShare } from './batching.ts';

const lengthsOf = fc.array(fc.record({ source: fc.nat({ max: 60 }), target: fc.nat({ max: 60 }) }), {
  maxLength: 80,
});
const optionsOf: fc.Arbitrary<BatchOptions> = fc.record({
  maxTokens: fc.integer({ min: 1, max: 200 }),
  maxSentences: fc.integer({ min: 1, max: 20 }),
  seed: fc.nat(),
  epoch: fc.nat({ max: 5 }),
  shuffle: fc.boolean(),
});

const random = new Random(1, 'lengths');
const lengths = Array.from({ length: 3000 }, () => {
  const source = 3 + random.integer(40);
  return { source, target: Math.max(1, source + random.integer(9) - 4) };
});
const base: BatchOptions = { maxTokens: 512, seed: 7, epoch: 0, shuffle: true };

describe('bucketBatches', () => {
  it('puts every example into exactly one batch within the limits', () => {
    fc.assert(
      fc.property(lengthsOf, optionsOf, (sizes, options) => {
        const batches = bucketBatches(sizes, options);
        expect(batches.flat().sort((a, b) => a - b)).toEqual(sizes.map((_, i) => i));
        for (const batch of batches) {
          const longest = Math.max(...batch.map((i) => Math.max(sizes[i]!.source, sizes[i]!.target)));
          expect(batch.length).toBeLessThanOrEqual(options.maxSentences!);
          expect(batch.length === 1 || batch.length * longest <= options.maxTokens).toBe(true);
        }
      }),
    );
  });

  it('gives an example longer than maxTokens a batch of its own', () => {
    const sizes = [
      { source: 4, target: 4 },
      { source: 900, target: 4 },
      { source: 5, target: 4 },
    ];
    expect(bucketBatches(sizes, { ...base, shuffle: false })).toEqual([[0, 2], [1]]);
  });

  it('repeats itself for a seed and epoch, so that training continues from any batch', () => {
    const once = bucketBatches(lengths, base);
    expect(bucketBatches(lengths, base).slice(17)).toEqual(once.slice(17));
    expect(bucketBatches(lengths, { ...base, epoch: 1 })).not.toEqual(once);
    expect(bucketBatches(lengths, { ...base, seed: 8 })).not.toEqual(once);
    const sets = (epoch: number) =>
      new Set(bucketBatches(lengths, { ...base, epoch }).map((batch) => [...batch].sort().join()));
    // Not only the order of the batches changes with the epoch, but who is in them.
    expect([...sets(0)].filter((batch) => sets(1).has(batch)).length).toBeLessThan(once.length / 2);
  });

  it('goes from short to long when not shuffled', () => {
    const batches = bucketBatches(lengths, { ...base, shuffle: false });
    const targets = batches.flat().map((i) => lengths[i]!.target);
    expect(targets).toEqual([...targets].sort((a, b) => a - b));
    expect(bucketBatches(lengths, { ...base, epoch: 3, shuffle: false })).toEqual(batches);
  });

  it('pads far less than random batches do', () => {
    const batches = bucketBatches(lengths, base);
    const order = new Random(3, 'random batches').shuffle(lengths.map((_, i) => i));
    const mean = Math.round(lengths.length / batches.length);
    const unsorted = Array.from({ length: Math.ceil(order.length / mean) }, (_, i) =>
      order.slice(i * mean, (i + 1) * mean),
    );
    expect(padShare(unsorted, lengths)).toBeGreaterThan(0.3);
    expect(padShare(batches, lengths)).toBeLessThan(0.1);
  });

  it('refuses limits that are not positive whole numbers', () => {
    expect(() => bucketBatches([], { ...base, maxTokens: 0 })).toThrow(
      'maxTokens: expected a positive whole number, got 0',
    );
    expect(() => bucketBatches([], { ...base, maxSentences: 1.5 })).toThrow('maxSentences');
  });
});

it('padShare counts both sides', () => {
  const sizes = [
    { source: 4, target: 1 },
    { source: 2, target: 3 },
  ];
  // Padded 2·4 + 2·3 = 14, real 10.
  expect(padShare([[0, 1]], sizes)).toBeCloseTo(4 / 14, 12);
  expect(padShare([[0], [1]], sizes)).toBe(0);
  expect(padShare([], sizes)).toBe(0);
});

describe('packedBatches', () => {
  it('puts every example into exactly one batch, and counts real tokens only', () => {
    fc.assert(
      fc.property(lengthsOf, optionsOf, (sizes, options) => {
        const batches = packedBatches(sizes, options);
        expect(batches.flat().sort((a, b) => a - b)).toEqual(sizes.map((_, i) => i));
        for (const batch of batches) {
          const sum = (side: 'source' | 'target') => batch.reduce((total, i) => total + sizes[i]![side], 0);
          expect(batch.length).toBeLessThanOrEqual(options.maxSentences!);
          expect(batch.length === 1 || Math.max(sum('source'), sum('target')) <= options.maxTokens).toBe(
            true,
          );
        }
      }),
    );
  });

  it('fills batches in an order that depends on seed and epoch only, not on lengths', () => {
    const once = packedBatches(lengths, base);
    expect(packedBatches(lengths, base)).toEqual(once);
    expect(packedBatches(lengths, { ...base, epoch: 1 })).not.toEqual(once);
    const tokens = lengths.reduce((total, { source }) => total + source, 0);
    expect(once.length).toBeLessThan((1.1 * tokens) / base.maxTokens);
    const means = once.map(
      (batch) => batch.reduce((total, i) => total + lengths[i]!.source, 0) / batch.length,
    );
    expect(Math.max(...means) / Math.min(...means)).toBeLessThan(3); // sorted batches: 14
  });
});
