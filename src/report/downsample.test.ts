import fc from 'fast-check';
import { expect, it } from 'vitest';
import { downsample, MOST_POINTS, type Point } from './downsample.ts';

const curve = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 601, maxLength: 2500 });

it('keeps every point of a curve of up to 600 points', () => {
  const points = Array.from({ length: 600 }, (_, i) => ({ step: 3 * i, value: (i * 37) % 101 }));
  expect(downsample(points).map(({ step, value }) => ({ step, value }))).toEqual(points);
});

it('keeps the lowest and the highest value of each of 300 columns, and at most 600 points', () => {
  fc.assert(
    fc.property(curve, (values) => {
      const points = values.map((value, step) => ({ step, value }));
      const drawn = downsample(points);
      expect(drawn.length).toBeLessThanOrEqual(MOST_POINTS);
      const columnOf = (step: number) => Math.min(299, Math.floor(step / ((values.length - 1) / 300)));
      for (let column = 0; column < 300; column++) {
        const all = points.filter(({ step }) => columnOf(step) === column).map(({ value }) => value);
        const kept = drawn.filter(({ step }) => columnOf(step) === column).map(({ value }) => value);
        expect(Math.min(...kept) === Math.min(...all) && Math.max(...kept) === Math.max(...all)).toBe(true);
      }
      expect(drawn.every(({ step, value }) => values[step] === value)).toBe(true);
      expect(drawn.every(({ step }, i) => i === 0 || step > drawn[i - 1]!.step)).toBe(true);
    }),
    { numRuns: 20 },
  );
});

it('breaks the curve where values are missing, and draws nothing for them', () => {
  const points: Point[] = [null, 1, 2, null, null, 3, null].map((value, step) => ({ step, value }));
  expect(downsample(points)).toEqual([
    { step: 1, value: 1, afterGap: false },
    { step: 2, value: 2, afterGap: false },
    { step: 5, value: 3, afterGap: true },
  ]);
});

it('gives nothing for a curve without values', () => {
  expect(downsample([{ step: 1, value: null }])).toEqual([]);
});
