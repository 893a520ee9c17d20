import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Tokenizers } from '../generate/translator.ts';
import { makeBatch } from '../train/seq2seq.ts';
import { applyLengthPolicy, type Truncation, truncate, truncations } from './length-policy.ts';

const pairs = [
  { source: [1, 2], target: [3] },
  { source: [1, 2, 3, 4], target: [5, 6, 7] },
  { source: [1], target: [2, 3, 4, 5, 6] },
];
const limits = { maxSourceLength: 3, maxTargetLength: 3 };

describe('applyLengthPolicy', () => {
  it('cuts what is too long, and counts', () => {
    expect(applyLengthPolicy(pairs, { ...limits, policy: 'head' })).toEqual({
      kept: [
        { source: [1, 2], target: [3] },
        { source: [1, 2, 3], target: [5, 6, 7] },
        { source: [1], target: [2, 3, 4] },
      ],
      report: { skipped: 0, truncated: 2, longest: { source: 4, target: 5 } },
    });
  });

  it('leaves out what is too long, and counts', () => {
    expect(applyLengthPolicy(pairs, { ...limits, policy: 'skip' })).toEqual({
      kept: [{ source: [1, 2], target: [3] }],
      report: { skipped: 2, truncated: 0, longest: { source: 4, target: 5 } },
    });
  });

  it('keeps what is exactly as long as the limit', () => {
    const exact = { maxSourceLength: 4, maxTargetLength: 5, policy: 'skip' as const };
    expect(applyLengthPolicy(pairs, exact).kept).toEqual(pairs);
  });
});

describe('truncate', () => {
  const modes = Object.keys(truncations) as Truncation[];
  const text = fc.array(fc.integer(), { maxLength: 40 });

  it.each(modes)('%s: never above the limit, an ordered part, everything where it fits', (mode) => {
    fc.assert(
      fc.property(text, fc.integer({ min: 0, max: 45 }), (values, limit) => {
        const numbered = values.map((value, i) => [i, value] as const);
        const kept = truncate(numbered, limit, mode);
        expect(kept.length).toBe(Math.min(limit, values.length));
        kept.forEach(([i], k) => {
          expect(k === 0 || i > kept[k - 1]![0]).toBe(true);
          expect(kept[k]).toBe(numbered[i]);
        });
      }),
    );
  });

  it('keeps the beginning, the end, or a quarter and the rest of both (128 and 382 of 510)', () => {
    const places = Array.from({ length: 1000 }, (_, i) => i);
    expect(truncate(places, 510, 'head')).toEqual(places.slice(0, 510));
    expect(truncate(places, 510, 'tail')).toEqual(places.slice(490));
    expect(truncate(places, 510, 'head-tail')).toEqual([...places.slice(0, 128), ...places.slice(-382)]);
  });

  it('leaves room for the end token, which every batch still has', () => {
    const long = [{ source: [1, 2, 3, 4, 5, 6], target: [1, 2, 3, 4, 5, 6] }];
    for (const policy of modes) {
      const { kept } = applyLengthPolicy(long, { ...limits, policy });
      const eos = { specialTokens: { pad: 0, unk: 1, bos: 8, eos: 9 } } as unknown as Tokenizers['source'];
      const { source, labels } = makeBatch(kept, { source: eos, target: eos });
      expect(source.ids.at(-1)).toBe(9);
      expect(labels.ids.at(-1)).toBe(9);
      expect(source.lengths[0]).toBe(4);
    }
  });
});
