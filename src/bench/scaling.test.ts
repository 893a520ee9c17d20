/** The trend against curves that are known, a planted cliff, and the picture. */
import { describe, expect, it } from 'vitest';
import { getDevice } from '../index.ts';
import { headsOf, layerFlops, measureScaling, overTrend, type ScalingPoint } from './scaling.ts';
import { scalingPlot } from './scaling-plot.ts';

const along = (time: (work: number) => number) =>
  [1, 2, 3, 8, 16, 48].map((work) => ({ work, time: time(work) }));

describe('the trend', () => {
  it('is met by every power of the work, whatever the spacing', () => {
    for (const power of [0.5, 1, 1.7]) {
      const [first, ...rest] = overTrend(along((work) => 3 * work ** power));
      expect(first).toBeUndefined();
      for (const ratio of rest) expect(ratio).toBeCloseTo(1, 12);
    }
  });

  it('shows a cliff at the point that has it', () => {
    const points = along((work) => (work === 8 ? 2 : 1) * work);
    const ratios = overTrend(points);
    expect(ratios[3]).toBeCloseTo(2, 12);
    expect(ratios[1]).toBeCloseTo(1, 12);
    expect(ratios[2]).toBeLessThan(1);
  });

  it('shows a cliff at the end', () => {
    expect(overTrend(along((work) => (work === 48 ? 2 : 1) * work)).at(-1)).toBeCloseTo(2, 12);
    // The point before the last has the same work but for a hundredth: a line through both would lead anywhere.
    const near = [...along((work) => work), { work: 48.5, time: 50 }, { work: 96, time: 192 }];
    const slope = Math.log(50 / 16) / Math.log(48.5 / 16);
    expect(overTrend(near).at(-1)).toBeCloseTo(192 / (50 * (96 / 48.5) ** slope), 9);
  });

  it('has nothing to say of fewer than three points', () => {
    expect(overTrend([])).toEqual([]);
    expect(overTrend(along((work) => work).slice(0, 2))).toEqual([undefined, undefined]);
  });
});

it('the work of a layer, against a count by hand', () => {
  // Width 2: four projections of 2×2, two of 2×8; scores and sums of 3 keys each; 4 · 3 tokens.
  const perToken = 4 * (2 * 2) + 2 * (2 * 8) + 2 * (3 * 2);
  expect(layerFlops({ width: 2, sequence: 3, batch: 4 })).toBe(3 * 2 * perToken * 12);
});

it('heads divide the width and are about 32 wide', () => {
  expect([32, 64, 100, 200, 250, 256, 500, 1000, 1024].map(headsOf)).toEqual([1, 2, 4, 5, 10, 8, 20, 25, 32]);
});

it('a measured sweep keeps its sizes in order, and leaves no memory behind', () => {
  const device = getDevice('reference');
  const { liveBuffers } = device.memory();
  const small = { width: [32, 64], sequence: [1, 2, 3], batch: [1, 2] };
  const points = [...measureScaling(device, 1, small, { width: 32, sequence: 2, batch: 1 })];
  expect(points.map(({ sweep, width, sequence, batch }) => [sweep, width, sequence, batch])).toEqual([
    ['width', 32, 2, 1],
    ['width', 64, 2, 1],
    ['sequence', 32, 1, 1],
    ['sequence', 32, 2, 1],
    ['sequence', 32, 3, 1],
    ['batch', 32, 2, 1],
    ['batch', 32, 2, 2],
  ]);
  for (const { tokensPerSecond, milliseconds, batch, sequence } of points)
    expect(tokensPerSecond * milliseconds).toBeCloseTo(1000 * batch * sequence, 6);
  expect(points.map(({ overTrend: ratio }) => ratio !== undefined)).toEqual(
    [0, 0, 0, 1, 1, 0, 0].map(Boolean),
  );
  expect(device.memory().liveBuffers).toBe(liveBuffers);
});

it('the plot has a dot for every point, marks cliffs, and is an SVG of its own', () => {
  const point = (sweep: ScalingPoint['sweep'], size: number, ratio?: number): ScalingPoint => ({
    ...{ sweep, width: size, sequence: size, batch: size, milliseconds: 1, gflops: 10 },
    ...{ tokensPerSecond: 1000 * size, overTrend: ratio },
  });
  const sweep = (name: ScalingPoint['sweep']) => [
    point(name, 1),
    point(name, 4, 1.6),
    point(name, 16, 1.2),
    point(name, 64),
  ];
  const svg = scalingPlot([...sweep('width'), ...sweep('sequence'), ...sweep('batch')]);
  expect(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg"')).toBe(true);
  expect(svg.match(/<circle/g)).toHaveLength(12);
  expect(svg.match(/class="cliff"/g)).toHaveLength(3);
  expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  for (const name of ['width', 'sequence', 'batch']) expect(svg).toContain(`>${name}</text>`);
});
