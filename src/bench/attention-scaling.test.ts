/** How kinds of attention grow: counted operations and bytes, never time (G7; operations of G1, memory of G2). */
import { describe, expect, it } from 'vitest';
import { needDevice } from '../../tests/support/devices.ts';
import { getDevice } from '../index.ts';
import {
  type AttentionPoint,
  attentionKinds,
  measureAttention,
  measureAttentionScaling,
  slopeOf,
  slopesOf,
} from './attention-scaling.ts';
import { attentionScalingPlot } from './attention-scaling-plot.ts';

describe('the slope (G7)', () => {
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

  it('of operations, bytes, memory and time is that of the longer half, each of its own', () => {
    const points = [1, 2, 4, 8].map((length) => ({
      ...{
        kind: 'x',
        length,
        flops: length ** 2,
        bytes: 3 * length,
        memory: 5 * length ** 1.5,
        milliseconds: 7,
      },
    }));
    const { kind, ...powers } = slopesOf('x', [{ ...points[0]!, flops: 99, bytes: 99 }, ...points.slice(1)]);
    expect(kind).toBe('x');
    const expected = { flopsSlope: 2, bytesSlope: 1, memorySlope: 1.5, timeSlope: 0 };
    for (const [name, power] of Object.entries(expected))
      expect(powers[name as keyof typeof powers], name).toBeCloseTo(power, 12);
  });
});

describe('counted cost (G7)', () => {
  const pointsOf = (kind: string): AttentionPoint[] =>
    (kind.startsWith('full') ? [256, 512, 1024] : [1024, 2048, 4096]).map((length) =>
      measureAttention(kind, length, getDevice('native'), 0),
    );

  it('of full attention grows with the square of the length, of the others with the length (G1)', (context) => {
    needDevice(context, 'native');
    for (const kind of Object.keys(attentionKinds)) {
      const { flopsSlope, bytesSlope, memorySlope } = slopesOf(kind, pointsOf(kind));
      // Ends of the sequence and of blocks count less as it grows, so that the slopes are not quite whole.
      const power = kind.startsWith('full') ? 2 : 1;
      expect(Math.abs(flopsSlope - power), `${kind}: operations, ${flopsSlope}`).toBeLessThan(0.08);
      // The fused op never writes its scores: its bytes grow with the length although its operations do not.
      for (const [of, slope] of [
        ['bytes', bytesSlope],
        ['memory', memorySlope],
      ] as const) {
        if (kind === 'full in plain ops') expect(slope, `${kind}: ${of}`).toBeGreaterThan(1.7);
        else expect(Math.abs(slope - 1), `${kind}: ${of}, ${slope}`).toBeLessThan(0.08);
      }
    }
  });

  it('of every kind is followed by how it grows', (context) => {
    needDevice(context, 'native');
    const lines = [...measureAttentionScaling(getDevice('native'), 0, [32, 64, 128])];
    const slopes = lines.filter((line) => 'bytesSlope' in line);
    expect(slopes.map(({ kind }) => kind)).toEqual(Object.keys(attentionKinds));
    expect(slopes.flatMap((line) => Object.values(line)).filter(Number.isNaN)).toEqual([]);
  });

  it('of a window of 256 at 16384 tokens: a tenth of the memory of dense attention at most (G2)', (context) => {
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
