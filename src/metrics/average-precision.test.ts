/** Average precision against COCO's own program, and areas of boxes against counted cells. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { averagePrecision, type Detection, type ImageObject } from './average-precision.ts';
import { type Box, generalizedIou, intersectionOverUnion } from './boxes.ts';

interface Fixture {
  readonly ap: number;
  readonly ap50: number;
  readonly ap75: number;
  readonly images: readonly { readonly objects: ImageObject[]; readonly found: Detection[] }[];
}
const file = new URL('../../tests/fixtures/average-precision.json', import.meta.url);
const { images, ...expected } = JSON.parse(readFileSync(file, 'utf8')) as Fixture;
const found = images.map((image) => image.found);
const objects = images.map((image) => image.objects);

describe('average precision (M14)', () => {
  it('is that of COCO’s program', () => {
    const own = averagePrecision(found, objects);
    for (const key of ['ap', 'ap50', 'ap75'] as const) expect(own[key]).toBeCloseTo(100 * expected[key], 10);
  });

  it('is 100 for what is there, and less for a second box on one object before the last', () => {
    const perfect = objects.map((own) => own.map((object) => ({ ...object, score: 0.5 })));
    expect(averagePrecision(perfect, objects).ap).toBe(100);
    const twice = perfect.map((own, i) => (i === 0 ? [...own, { ...own[0]!, score: 0.9 }] : own));
    expect(averagePrecision(twice, objects).ap).toBeLessThan(100);
    const nothing = objects.map(() => []);
    expect(averagePrecision(nothing, objects)).toEqual({ ap: 0, ap50: 0, ap75: 0 });
  });

  it('refuses images without objects, and other images', () => {
    expect(() => averagePrecision([[]], [[]])).toThrow(
      'averagePrecision: expected what was found and what is there for the same images, with at least one object, got 1 and 1 images with 0 objects',
    );
    expect(() => averagePrecision([], objects)).toThrow('got 0 and 12 images');
  });
});

/** Whether a cell of an integer grid lies in a box with integer corners. */
function holds([x, y, width, height]: Box, column: number, row: number): boolean {
  const [across, down] = [column + 0.5 - x, row + 0.5 - y];
  return Math.abs(across) < width / 2 && Math.abs(down) < height / 2;
}

/** Box with corners on the grid. */
const anyBox = fc
  .tuple(
    fc.integer({ min: 0, max: 7 }),
    fc.integer({ min: 0, max: 7 }),
    fc.integer({ min: 1, max: 6 }),
    fc.integer({ min: 1, max: 6 }),
  )
  .map(([left, top, width, height]): Box => [left + width / 2, top + height / 2, width, height]);

it('areas of boxes are counted cells (M14)', () => {
  fc.assert(
    fc.property(anyBox, anyBox, (a, b) => {
      const cells = Array.from({ length: 20 * 20 }, (_, i) => [i % 20, Math.floor(i / 20)] as const);
      const inside = (box: Box) => cells.map(([column, row]) => holds(box, column, row));
      const [inA, inB] = [inside(a), inside(b)];
      const both = cells.filter((_, i) => inA[i] && inB[i]).length;
      const either = cells.filter((_, i) => inA[i] || inB[i]);
      const extent = (axis: 0 | 1): number => {
        const along = either.map((cell) => cell[axis]);
        return 1 + Math.max(...along) - Math.min(...along);
      };
      const hull = extent(0) * extent(1);
      const iou = both / either.length;
      expect(intersectionOverUnion(a, b)).toBeCloseTo(iou, 12);
      expect(generalizedIou(a, b)).toBeCloseTo(iou - (hull - either.length) / hull, 12);
    }),
  );
  expect(intersectionOverUnion([1, 1, 0, 0], [1, 1, 0, 0])).toBe(0);
});
