/** How kinds of attention grow: counted operations and bytes, never time (inventory G7, and the memory of G2). */
import { describe, expect, it } from 'vitest';
import { needDevice } from '../../tests/support/devices.ts';
import { getDevice } from '../index.ts';
import {
  type AttentionPoint,
  attentionKinds,
  measureAttention,
  slopeOf,
  slopesOf,
} from './attention-scaling.ts';
import { attentionScalingPlot } from './attention-scaling-plot.ts';

describe('the slope', () => {
  it('is the exponent of a power', () => {
    for (const power of [0.5, 1, 2]) {
      const points = [1, 3, 4, 10].map((x) => [Math.log(x), power * Math.log(x) + 2] as const);
      expect(slopeOf(points)).toBeCloseTo(power, 12);
    }
  });

  it('is the best line where points scatter: against the closed form for three of them', () => {
    const points = [0, 5, 4].map((y, x) => [x, y] as const);
    expect(slopeOf(points)).toBeCloseTo((4 - 0) / 2, 12);
  });
});

describe('counted cost', () => {
  const pointsOf = (kind: string): AttentionPoint[] =>
    (kind.startsWith('full') ? [256, 512, 1024] : [1024, 2048, 4096]).map((length) =>
      measureAttention(kind, length, getDevice('native'), 0),
    );

  it('of full attention grows with the square of the length, of the others with the length', (context) => {
    needDevice(context, 'native');
    for (const kind of Object.keys(attentionKinds)) {
      const { flopsSlope, memorySlope } = slopesOf(kind, pointsOf(kind));
      // Ends of the sequence and of blocks count less as it grows, so that the slopes are not quite whole.
      const power = kind.startsWith('full') ? 2 : 1;
      expect(Math.abs(flopsSlope - power), `${kind}: operations, ${flopsSlope}`).toBeLessThan(0.08);
      if (kind === 'full in plain ops') expect(memorySlope).toBeGreaterThan(1.7);
      else expect(Math.abs(memorySlope - 1), `${kind}: memory, ${memorySlope}`).toBeLessThan(0.08);
    }
  });

  it('of a window of 256 at 16384 tokens: a tenth of the memory of dense attention at most', (context) => {
    needDevice(context, 'native');
    const device = getDevice('native');
    const window = measureAttention('window 256', 16384, device, 0).memory;
    // The scores of four heads alone, once; what plain ops hold is measured where it fits, and is more.
    const scores = (length: number): number => 4 * length ** 2 * 4;
    const dense = measureAttention('full in plain ops', 1024, device, 0).memory;
    expect(dense).toBeGreaterThan(scores(1024));
    expect(window).toBeLessThan(0.1 * scores(16384));
  });
});

it('the plot has a line of each kind in each panel, and is an SVG of its own', () => {
  const point = (kind: string, length: number): AttentionPoint => ({
    ...{ kind, length, flops: 1e6 * length, bytes: 1, memory: 4096 * length, milliseconds: length / 7 },
  });
  const points = ['full', 'linear'].flatMap((kind) => [64, 1024, 16384].map((length) => point(kind, length)));
  const svg = attentionScalingPlot(points);
  expect(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg"')).toBe(true);
  expect(svg.match(/class="curve"/g)).toHaveLength(6);
  expect(svg).not.toMatch(/NaN|undefined|Infinity/);
});
