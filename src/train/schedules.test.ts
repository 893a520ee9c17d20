import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expectClose } from '../../tests/support/compare.ts';
import { needOracle } from '../../tests/support/stored-oracle.ts';
import { ConfigError } from '../errors.ts';
import { learningRateAt, type Progress, type ScheduleName, scheduleNames } from './schedules.ts';

const [base, warmup, total] = [1e-3, 10, 50];
const exact = { rtol: 1e-12, atol: 1e-18 };

/** Update i of Hugging Face, from 0, has its warm-up at i/w; ours counts from 1, so that no update has rate 0. */
const atHuggingFace = (i: number): Progress => ({
  step: i,
  done: Math.max(0, (i - warmup) / (total - warmup)),
});
const atPaper = (i: number): Progress => ({ step: i + 1, done: i / total });

interface Recorded {
  readonly schedule: ScheduleName;
  readonly progress: (i: number) => Progress;
  readonly learningRate: number;
  readonly dModel: number;
}

const recorded: Readonly<Record<string, Recorded>> = {
  paper_d128: { schedule: 'paper', progress: atPaper, learningRate: 1, dModel: 128 },
  paper_d512: { schedule: 'paper', progress: atPaper, learningRate: 1, dModel: 512 },
  hf_constant_with_warmup: {
    schedule: 'constant',
    progress: atHuggingFace,
    learningRate: base,
    dModel: 1,
  },
  hf_inverse_sqrt: { schedule: 'inverseSqrt', progress: atHuggingFace, learningRate: base, dModel: 1 },
  hf_linear: { schedule: 'linear', progress: atHuggingFace, learningRate: base, dModel: 1 },
  hf_cosine: { schedule: 'cosine', progress: atHuggingFace, learningRate: base, dModel: 1 },
};

describe('recorded schedules', () => {
  for (const [name, { schedule, progress, learningRate, dModel }] of Object.entries(recorded)) {
    test(name, (context) => {
      const expected = needOracle(context, 'oracles/modules/schedules.safetensors')(`out.${name}`).data;
      const options = { learningRate, warmupSteps: warmup, finalRate: 0, dModel };
      const rates = Array.from(expected, (_, i) => learningRateAt(schedule, progress(i), options));
      expectClose(rates, expected, exact, name);
    });
  }
});

test('the paper rate of the base model peaks at step 4000 with 7e-4', () => {
  const options = { learningRate: 1, warmupSteps: 4000, finalRate: 0, dModel: 512 };
  const rates = Array.from({ length: 8000 }, (_, i) =>
    learningRateAt('paper', { step: i + 1, done: 0 }, options),
  );
  const peak = rates.indexOf(Math.max(...rates)) + 1;
  expect(peak).toBe(4000);
  expectClose(
    rates,
    Array.from(rates, (_, i) => 512 ** -0.5 * Math.min((i + 1) ** -0.5, (i + 1) * 4000 ** -1.5)),
    exact,
  );
  expect(rates[3999]).toBeCloseTo(6.9877e-4, 8);
});

test('every schedule rises in the warm-up, never leaves [0, peak], and ends at its final rate', () => {
  const anySchedule = fc.constantFrom(...scheduleNames);
  fc.assert(
    fc.property(
      anySchedule,
      fc.integer({ min: 1, max: 50 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (name, warmupSteps, finalRate) => {
        const options = { learningRate: 0.5, warmupSteps, finalRate, dModel: 1 };
        const at = (step: number, done = 0): number => learningRateAt(name, { step, done }, options);
        for (let step = 2; step <= warmupSteps; step++) expect(at(step)).toBeGreaterThan(at(step - 1));
        const peak = at(warmupSteps);
        for (const done of [0, 0.3, 0.9, 1]) {
          expect(at(warmupSteps + 1, done)).toBeGreaterThanOrEqual(0);
          expect(at(warmupSteps + 1, done)).toBeLessThanOrEqual(peak * (1 + 1e-12));
        }
        if (name === 'cosine' || name === 'linear') {
          expect(at(warmupSteps, 1)).toBeCloseTo(0.5 * finalRate, 12);
          expect(at(warmupSteps, 1.5)).toBeCloseTo(0.5 * finalRate, 12);
        }
      },
    ),
    { numRuns: 100 },
  );
});

test('no warm-up: the first update has the full rate', () => {
  const options = { learningRate: 0.1, warmupSteps: 0, finalRate: 0, dModel: 4 };
  expect(learningRateAt('constant', { step: 1, done: 0 }, options)).toBe(0.1);
  expect(learningRateAt('inverseSqrt', { step: 1, done: 0 }, options)).toBe(0.1);
  expect(learningRateAt('paper', { step: 4, done: 0 }, options)).toBeCloseTo(0.025, 15);
});

test('an unknown schedule is named with its nearest neighbour', () => {
  const wrong = (): number =>
    learningRateAt(
      'cosin' as ScheduleName,
      { step: 1, done: 0 },
      { learningRate: 1, warmupSteps: 0, finalRate: 0, dModel: 1 },
    );
  expect(wrong).toThrow(ConfigError);
  expect(wrong).toThrow('did you mean "cosine"?');
});
