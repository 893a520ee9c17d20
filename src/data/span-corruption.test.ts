import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isSentinel, sentinels, spansAndTheRestAreTheText } from '../../tests/support/checks/spans.ts';
import { Random } from '../core/random.ts';
import { corruptSpans, heldOutSpans, restoreSpans, sentinelsOf, shuffledSpans } from './span-corruption.ts';

describe('span corruption (J15)', () => {
  test('source and target together are the text', spansAndTheRestAreTheText);

  test('hides 15 % in spans of three on average, anywhere', () => {
    const tokens = Array.from({ length: 200 }, (_, i) => i);
    const starts = new Set<number>();
    for (let seed = 0; seed < 50; seed++) {
      const { source, target } = corruptSpans(tokens, { sentinels }, new Random(seed, 'spans'));
      expect(target.filter((id) => !isSentinel(id))).toHaveLength(30);
      expect(source.filter(isSentinel)).toHaveLength(10);
      for (const [i, id] of target.entries())
        if (isSentinel(id) && i + 1 < target.length) starts.add(target[i + 1]!);
    }
    expect(starts.size).toBeGreaterThan(120);
  });

  test('refuses what cannot be used', () => {
    const random = new Random(1, 'spans');
    const run = (options: object) => () => corruptSpans([1, 2, 3, 4], { sentinels, ...options }, random);
    expect(run({ density: 1 })).toThrow('density: expected a share above 0 and below 1, got 1');
    expect(run({ meanSpanLength: 0 })).toThrow('meanSpanLength: expected at least 1, got 0');
    expect(run({ sentinels: [1000] })).toThrow('sentinels: expected at least 2, one for each span');
  });
});

describe('segments of a text (J15)', () => {
  const ids = Int32Array.from({ length: 103 }, (_, i) => i % 50);
  const corruption = { length: 12, density: 0.3, meanSpanLength: 2, sentinels };
  const order = { seed: 4, epoch: 0 };

  test('are pieces of it with other bounds and other spans in every epoch, and depend on nothing else', () => {
    const [first, again, next] = [order, order, { ...order, epoch: 1 }].map((of) =>
      shuffledSpans(ids, corruption, of),
    );
    expect(again).toEqual(first);
    expect(next).not.toEqual(first);
    for (const pairs of [first!, next!]) {
      expect(pairs.length).toBeGreaterThanOrEqual(7);
      const starts = pairs.map((pair) => {
        const segment = restoreSpans(pair, sentinels);
        expect(segment).toEqual(segment.map((_, i) => (segment[0]! + i) % 50));
        expect(segment).toHaveLength(12);
        return segment[0]! % 12;
      });
      expect(starts.length).toBe(pairs.length);
    }
  });

  test('of a held-out text are all of it, the same every time', () => {
    const pairs = heldOutSpans(ids, corruption);
    expect(pairs.flatMap((pair) => restoreSpans(pair, sentinels))).toEqual([...ids]);
    expect(heldOutSpans(ids, corruption)).toEqual(pairs);
    expect(heldOutSpans(ids.subarray(0, 1), corruption)).toEqual([]);
  });

  test('have as many sentinels as the worst of them needs', () => {
    const shape = fc.record({
      length: fc.integer({ min: 2, max: 60 }),
      density: fc.double({ min: 0.01, max: 0.99, noNaN: true }),
      meanSpanLength: fc.double({ min: 1, max: 8, noNaN: true }),
    });
    fc.assert(
      fc.property(shape, (how) => {
        const count = sentinelsOf(how);
        const used = Array.from({ length: how.length }, (_, n) => {
          const { target } = corruptSpans(
            Array.from({ length: n + 1 }, (_unused, i) => i),
            { ...how, sentinels: sentinels.slice(0, count) },
            new Random(1, 'spans'),
          );
          return target.filter(isSentinel).length;
        });
        expect(Math.max(...used)).toBe(count);
      }),
    );
  });
});
