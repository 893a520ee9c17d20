import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Tokenizers } from '../generate/translator.ts';
import { makeBatch } from '../train/seq2seq.ts';
import { applyLengthPolicy, cutSource, type Truncation, truncate, truncations } from './length-policy.ts';

const pairs = [
  { source: [1, 2], target: [3] },
  { source: [1, 2, 3, 4], target: [5, 6, 7] },
  { source: [1], target: [2, 3, 4, 5, 6] },
];
const limits = { maxSourceLength: 3, maxTargetLength: 3 };

describe('applyLengthPolicy (L1)', () => {
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

  it('keeps the beginning of a target where sources are cut to sentences', () => {
    const long = [{ source: [1, 2], target: [2, 3, 4, 5, 6] }];
    const { kept } = applyLengthPolicy(long, { ...limits, policy: { kind: 'key-passages' } });
    expect(kept).toEqual([{ source: [1, 2], target: [2, 3, 4] }]);
  });

  it('keeps what is exactly as long as the limit', () => {
    const exact = { maxSourceLength: 4, maxTargetLength: 5, policy: 'skip' as const };
    expect(applyLengthPolicy(pairs, exact).kept).toEqual(pairs);
  });
});

describe('cutSource (L2)', () => {
  // A sentence of rare words between two of the same ones; a token is a word.
  const text = 'One two. Three four five. Two one.';
  const words = [...text.matchAll(/\S+/g)];
  const spans = () => ({
    text,
    offsets: words.map(({ 0: word, index }) => [index, index + word.length] as const),
  });
  const source = words.map((_, i) => i);
  const nodes = source.map((i) => 10 + i);
  const structure = { nodes, heads: [-1], relations: ['root'] };

  it.each([
    ['tf-idf', 3, [2, 3, 4]],
    ['tf-idf', 5, [0, 1, 2, 3, 4]],
    ['textrank', 4, [0, 1, 5, 6]],
    // Not even a sentence fits: the beginning of the best one.
    ['tf-idf', 1, [2]],
    ['textrank', 1, [0]],
  ] as const)('keeps whole sentences in their order: %s, %i tokens', (selector, maxLength, kept) => {
    const policy = { kind: 'key-passages', selector } as const;
    expect(cutSource({ source, spans, structure }, { maxLength, policy })).toEqual({
      source: kept,
      structure: { ...structure, nodes: kept.map((i) => 10 + i) },
    });
  });

  it('takes TF-IDF where no selector is named, and leaves alone what fits', () => {
    const cut = (maxLength: number) => cutSource({ source, spans }, { maxLength, policy: 'key-passages' });
    expect(cut(3)).toEqual({ source: [2, 3, 4] });
    expect(cut(7)).toEqual({ source });
  });

  it('cuts the nodes of a tree with their tokens', () => {
    for (const policy of ['head', 'tail', 'head-tail'] as const) {
      const { source: kept, structure: tree } = cutSource({ source, structure }, { maxLength: 4, policy });
      expect(kept).toEqual(truncate(source, 4, policy));
      expect(tree).toEqual({ ...structure, nodes: kept.map((i) => 10 + i) });
    }
  });

  it('needs the text to pick sentences', () => {
    expect(() => cutSource({ source }, { maxLength: 3, policy: 'key-passages' })).toThrow(
      'key-passages: expected the text and where its tokens stand in it (spans), got token ids only',
    );
  });
});

describe('truncate (L1)', () => {
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
