import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  betaCdf,
  betaQuantile,
  logGamma,
  normalCdf,
  normalQuantile,
  studentCdf,
  studentQuantile,
} from './distributions.ts';

const probability = fc.double({ min: 0.001, max: 0.999, noNaN: true });

test('normal quantiles of the tables', () => {
  expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 13);
  expect(normalQuantile(0.995)).toBeCloseTo(2.5758293035489004, 13);
  expect(normalQuantile(0.5)).toBeCloseTo(0, 14);
  expect(normalCdf(-9)).toBe(0);
});

test('Student quantiles of the tables, and the closed forms for 1 and 2 degrees of freedom', () => {
  expect(studentQuantile(0.975, 10)).toBeCloseTo(2.228138851986275, 13);
  expect(studentQuantile(0.975, 4)).toBeCloseTo(2.776445105197794, 13);
  fc.assert(
    fc.property(probability, (p) => {
      expect(studentCdf(Math.tan(Math.PI * (p - 0.5)), 1)).toBeCloseTo(p, 11);
      expect(studentCdf((2 * p - 1) / Math.sqrt(2 * p * (1 - p)), 2)).toBeCloseTo(p, 11);
    }),
  );
});

test('the beta distribution is a sum of binomial terms', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 30 }), fc.nat(29), probability, (n, draw, p) => {
      const k = 1 + (draw % n);
      let binomial = 1;
      let sum = 0;
      for (let j = 0; j <= n; j++) {
        if (j >= k) sum += binomial * p ** j * (1 - p) ** (n - j);
        binomial *= (n - j) / (j + 1);
      }
      expect(betaCdf(p, k, n - k + 1)).toBeCloseTo(sum, 11);
    }),
  );
});

test('quantiles invert their distributions', () => {
  fc.assert(
    fc.property(probability, fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 50 }), (p, a, b) => {
      expect(normalCdf(normalQuantile(p))).toBeCloseTo(p, 12);
      expect(studentCdf(studentQuantile(p, a), a)).toBeCloseTo(p, 10);
      expect(betaCdf(betaQuantile(p, a, b), a, b)).toBeCloseTo(p, 10);
    }),
  );
});

test('the gamma function continues the factorial', () => {
  let logFactorial = 0;
  for (let n = 1; n < 60; n++) {
    expect(logGamma(n + 1)).toBeCloseTo((logFactorial += Math.log(n)), 10);
  }
  expect(logGamma(0.5)).toBeCloseTo(0.5 * Math.log(Math.PI), 13);
  expect(logGamma(0.25)).toBeCloseTo(1.2880225246980774, 12);
});
