import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../errors.ts';
import { collate, shiftRight } from './collate.ts';

describe('collate', () => {
  it('pads right or left', () => {
    const right = collate([[5, 6, 7], [8], []], { padId: 9 });
    expect([...right.ids]).toEqual([5, 6, 7, 8, 9, 9, 9, 9, 9]);
    expect([...right.mask]).toEqual([1, 1, 1, 1, 0, 0, 0, 0, 0]);
    expect([...right.lengths]).toEqual([3, 1, 0]);
    const left = collate([[5, 6], [8]], { padId: 0, side: 'left', length: 3 });
    expect([...left.ids]).toEqual([0, 5, 6, 0, 0, 8]);
    expect([...left.mask]).toEqual([0, 1, 1, 0, 0, 1]);
    expect(left).toMatchObject({ batch: 2, length: 3 });
  });

  it('marks as many tokens as there are, and they are the sequence', () => {
    const sequences = fc.array(fc.array(fc.nat({ max: 50_000 }), { maxLength: 12 }), { maxLength: 8 });
    fc.assert(
      fc.property(
        sequences,
        fc.constantFrom('left' as const, 'right' as const),
        fc.nat({ max: 3 }),
        (rows, side, extra) => {
          const longest = Math.max(0, ...rows.map((row) => row.length));
          const batch = collate(rows, { padId: -1, side, length: longest + extra });
          rows.forEach((row, b) => {
            const ids = batch.ids.subarray(b * batch.length, (b + 1) * batch.length);
            const mask = batch.mask.subarray(b * batch.length, (b + 1) * batch.length);
            expect([...ids].filter((_, t) => mask[t] === 1)).toEqual(row);
            expect([...ids].filter((_, t) => mask[t] === 0).every((id) => id === -1)).toBe(true);
            expect(mask.reduce((sum, bit) => sum + bit, 0)).toBe(batch.lengths[b]);
          });
        },
      ),
    );
  });

  it('refuses a sequence longer than the length', () => {
    const pad = () => collate([[1], [1, 2, 3]], { padId: 0, length: 2 });
    expect(pad).toThrow(ShapeError);
    expect(pad).toThrow('expected sequences of at most 2 tokens, got sequence 1 of 3 tokens');
  });
});

it('shiftRight: the decoder sees BOS + y and says y + EOS', () => {
  expect(shiftRight([7, 8], { bos: 2, eos: 3 })).toEqual({ input: [2, 7, 8], labels: [7, 8, 3] });
  expect(shiftRight([], { bos: 2, eos: 3 })).toEqual({ input: [2], labels: [3] });
});
