/** What any right corruption of spans does; the check throws when it does not. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { Random } from '../../../src/core/random.ts';
import { corruptSpans, restoreSpans } from '../../../src/data/span-corruption.ts';

/** Ids that stand in no text. */
export const sentinels: readonly number[] = Array.from({ length: 100 }, (_, i) => 1000 + i);
export const isSentinel = (id: number): boolean => id >= 1000;

/** Source and target together are the text, and each token stands in one of the two. */
export function spansAndTheRestAreTheText(): void {
  const text = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 60 });
  const density = fc.double({ min: 0.01, max: 0.99, noNaN: true });
  const mean = fc.double({ min: 1, max: 8, noNaN: true });
  fc.assert(
    fc.property(text, density, mean, fc.nat(), (tokens, share, meanSpanLength, seed) => {
      const options = { density: share, meanSpanLength, sentinels };
      const pair = corruptSpans(tokens, options, new Random(seed, 'spans'));
      expect(restoreSpans(pair, sentinels)).toEqual(tokens);
      const spans = pair.source.filter(isSentinel);
      expect(pair.target.filter(isSentinel)).toEqual([...spans, sentinels[spans.length]]);
      expect(pair.target.at(-1)).toBe(sentinels[spans.length]);
      const hidden = pair.target.filter((id) => !isSentinel(id)).length;
      if (tokens.length < 2) expect(hidden).toBe(0);
      else expect(Math.abs(hidden - share * tokens.length)).toBeLessThanOrEqual(1);
      // Spans never touch: between two sentinels of the source stands a token.
      expect(pair.source.some((id, i) => isSentinel(id) && isSentinel(pair.source[i + 1] ?? 0))).toBe(false);
    }),
  );
}
