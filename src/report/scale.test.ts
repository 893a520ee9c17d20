import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linearScale, linearTicks, logScale, logUse, positionOf } from './scale.ts';

const finite = fc.double({ min: -1e9, max: 1e9, noNaN: true });
const positive = fc
  .integer({ min: -9, max: 9 })
  .chain((p) => fc.double({ min: 1, max: 9.99, noNaN: true }).map((m) => m * 10 ** p));

/** 1, 2 or 5 times a power of ten, read off the decimal digits. */
function isRoundStep(step: number): boolean {
  return /^[125]e/.test(Number(step.toPrecision(6)).toExponential());
}

describe('linear axis', () => {
  it('gives the labels of Heckbert (1990, Nice Numbers for Graph Labels) for 105 to 543', () => {
    expect(linearScale([105, 543]).ticks).toEqual([100, 200, 300, 400, 500, 600]);
  });

  it('has ticks without the error of binary fractions', () => {
    expect(linearTicks(0, 0.6, 6)).toEqual([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
  });

  it('holds every value, ends at ticks, and steps by 1, 2 or 5 times a power of ten', () => {
    fc.assert(
      fc.property(fc.array(finite, { minLength: 1, maxLength: 20 }), (values) => {
        const { low, high, ticks } = linearScale(values);
        const slack = 1e-8 * (high - low);
        expect(Math.min(...values)).toBeGreaterThanOrEqual(low - slack);
        expect(Math.max(...values)).toBeLessThanOrEqual(high + slack);
        expect([ticks[0], ticks.at(-1)]).toEqual([low, high]);
        expect(ticks.length).toBeGreaterThanOrEqual(2);
        expect(ticks.length).toBeLessThanOrEqual(9);
        expect(isRoundStep((high - low) / (ticks.length - 1))).toBe(true);
      }),
    );
  });
});

describe('logarithmic axis', () => {
  it('shows each decade, or 1, 2 and 5 of a few', () => {
    expect(logScale([0.0013, 870]).ticks).toEqual([0.001, 0.01, 0.1, 1, 10, 100, 1000]);
    expect(logScale([1.5, 18]).ticks).toEqual([1, 2, 5, 10, 20]);
  });

  it('is even and positive over a short range', () => {
    const { low, ticks } = logScale([2.1, 2.9]);
    expect(low).toBe(2);
    expect(ticks).toEqual([2, 2.2, 2.4, 2.6, 2.8, 3]);
  });

  it('holds every value and has a positive low end and at least two ticks', () => {
    fc.assert(
      fc.property(fc.array(positive, { minLength: 1, maxLength: 20 }), (values) => {
        const { low, high, ticks } = logScale(values);
        expect(low).toBeGreaterThan(0);
        expect(Math.min(...values)).toBeGreaterThanOrEqual(low * (1 - 1e-8));
        expect(Math.max(...values)).toBeLessThanOrEqual(high * (1 + 1e-8));
        expect(ticks.length).toBeGreaterThanOrEqual(2);
        expect(ticks.length).toBeLessThanOrEqual(9);
      }),
    );
  });

  it('places equal ratios at equal distances', () => {
    const scale = logScale([1, 1000]);
    expect([1, 10, 100, 1000].map((v) => positionOf(scale, v).toFixed(12))).toEqual(
      [0, 1 / 3, 2 / 3, 1].map((v) => v.toFixed(12)),
    );
  });

  it('is offered for positive values only, and chosen for a wide range', () => {
    expect(logUse([0, 3])).toBe('impossible');
    expect(logUse([1, 3])).toBe('possible');
    expect(logUse([1, 300])).toBe('useful');
  });
});
