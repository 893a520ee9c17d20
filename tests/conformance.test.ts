/**
 * The conformance suite: every op × sample × device. Forward against the reference; gradients of the reference
 * by finite differences in float64; each device's gradients against the reference's.
 */
import { describe, expect, it } from 'vitest';
import { type AnyOp, definedOps } from '../src/core/op.ts';
import { deviceNames, Random, scope, type Tensor, whyUnavailable } from '../src/index.ts';
import { expectClose } from './support/compare.ts';
import { type AnySample, expectOutcome, inputsOf, labelOf, outcome } from './support/conformance.ts';
import { givenValues, normalTensor } from './support/random-tensors.ts';

const EPS = 1e-5;
const FINITE_DIFFERENCES = { rtol: 1e-5, atol: 1e-7 };

/** Σ upstream · op(inputs), a number whose derivative the gradients are. */
function weighted(op: AnyOp, inputs: (Tensor | null)[], params: unknown): number {
  return scope(() => {
    const result = op(...inputs, params);
    const upstream = normalTensor(result.shape, new Random(5, 'upstream'), 'reference').data;
    let total = 0;
    result.data.forEach((value: number, i: number) => {
      if (Number.isFinite(value)) total += value * upstream[i]!;
    });
    return total;
  });
}

/** Places that are checked: all of a small tensor, every n-th of a large one. */
function placesOf(size: number): number[] {
  const step = Math.ceil(size / 80);
  return Array.from({ length: Math.ceil(size / step || 0) }, (_, i) => i * step);
}

function finiteDifferences(
  op: AnyOp,
  sample: AnySample,
  which: number,
  places: readonly number[],
): Float64Array {
  return scope(() => {
    const inputs = inputsOf(sample, 'reference');
    const { data } = inputs[which]!;
    return Float64Array.from(places, (i) => {
      const value = data[i]!;
      data[i] = value + EPS;
      const above = weighted(op, inputs, sample.params);
      data[i] = value - EPS;
      const below = weighted(op, inputs, sample.params);
      data[i] = value;
      return (above - below) / (2 * EPS);
    });
  });
}

const hasInfinity = (sample: AnySample): boolean =>
  sample.inputs.some((input) => givenValues(input)?.some((value) => !Number.isFinite(value)));
const hasTies = (sample: AnySample): boolean => /ties/.test(sample.note ?? '');

describe.each([...definedOps()])('%s', (_, op) => {
  it('has samples', () => {
    expect(op.definition.samples.length).toBeGreaterThan(0);
  });

  it.each(op.definition.samples.map((sample): [string, AnySample] => [labelOf(sample), sample]))(
    'has the gradient of finite differences for %s',
    (_label, sample) => {
      if (op.definition.differentiable === false) {
        return expect(outcome(op, sample, 'reference').grads).toEqual([]);
      }
      const { grads } = outcome(op, sample, 'reference');
      expect(grads.some((grad) => grad !== null)).toBe(true);
      if (hasInfinity(sample) || hasTies(sample)) {
        return expect(grads.every((grad) => grad?.every(Number.isFinite) ?? true)).toBe(true);
      }
      grads.forEach((grad, i) => {
        if (!grad) return;
        const places = placesOf(grad.length);
        const expected = finiteDifferences(op, sample, i, places);
        expectClose(
          places.map((place) => grad[place]!),
          expected,
          FINITE_DIFFERENCES,
          `input ${i}`,
        );
      });
    },
  );
});

const others = deviceNames().filter((name) => name !== 'reference');

describe.each(others)('on %s', (device) => {
  describe.each([...definedOps()])('%s', (_, op) => {
    const cases = op.definition.samples.map((sample): [string, AnySample] => [labelOf(sample), sample]);
    it.for(cases)('equals the reference for %s', ([, sample], context) => {
      const why = whyUnavailable(device);
      if (why) context.skip(`${device}: ${why}`);
      expectOutcome(outcome(op, sample, device), outcome(op, sample, 'reference'));
    });
  });
});
