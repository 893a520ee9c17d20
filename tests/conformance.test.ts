/**
 * The conformance suite: every op × sample × device. Forward against the reference; gradients of the reference
 * by finite differences in float64; each device's gradients against the reference's.
 */
import { describe, expect, it } from 'vitest';
import { type AnyOp, definedOps } from '../src/core/op.ts';
import {
  backward,
  deviceNames,
  formatShape,
  Random,
  scope,
  type Tensor,
  whyUnavailable,
} from '../src/index.ts';
import { expectClose } from './support/compare.ts';
import { givenValues, normalTensor, sampleShape, sampleTensor } from './support/random-tensors.ts';

type AnySample = AnyOp['definition']['samples'][number];

const EPS = 1e-5;
const FINITE_DIFFERENCES = { rtol: 1e-5, atol: 1e-7 };
const FLOAT32 = { rtol: 2e-5, atol: 4e-6 };

interface Outcome {
  readonly output: Float64Array;
  readonly grads: (Float64Array | null)[];
}

function inputsOf(sample: AnySample, device: string): (Tensor | null)[] {
  const random = new Random(11, JSON.stringify(sample.inputs));
  return sample.inputs.map((input) => sampleTensor(input, random, device));
}

function outcome(op: AnyOp, sample: AnySample, device: string): Outcome {
  return scope(() => {
    const inputs = inputsOf(sample, device);
    const result = op(...inputs, sample.params);
    const output = Float64Array.from(result.data);
    if (op.definition.differentiable === false) return { output, grads: [] };
    const upstream = normalTensor(result.shape, new Random(5, 'upstream'), device);
    backward(result, { grad: upstream });
    return {
      output,
      grads: inputs.map((input) => (input?.grad ? Float64Array.from(input.grad.data) : null)),
    };
  });
}

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

function label(sample: AnySample): string {
  const shapes = sample.inputs.map((input) => (input === null ? 'null' : formatShape(sampleShape(input))));
  return `${shapes.join(' ')} ${JSON.stringify(sample.params)}${sample.note ? `: ${sample.note}` : ''}`;
}

const hasInfinity = (sample: AnySample): boolean =>
  sample.inputs.some((input) => givenValues(input)?.some((value) => !Number.isFinite(value)));
const hasTies = (sample: AnySample): boolean => /ties/.test(sample.note ?? '');

describe.each([...definedOps()])('%s', (_, op) => {
  it('has samples', () => {
    expect(op.definition.samples.length).toBeGreaterThan(0);
  });

  it.each(op.definition.samples.map((sample): [string, AnySample] => [label(sample), sample]))(
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
    const cases = op.definition.samples.map((sample): [string, AnySample] => [label(sample), sample]);
    it.for(cases)('equals the reference for %s', ([, sample], context) => {
      const why = whyUnavailable(device);
      if (why) context.skip(`${device}: ${why}`);
      const expected = outcome(op, sample, 'reference');
      const actual = outcome(op, sample, device);
      expectClose(actual.output, expected.output, FLOAT32, 'output');
      expected.grads.forEach((grad, i) => {
        expect(actual.grads[i] === null, `gradient of input ${i} is there`).toBe(grad === null);
        if (grad) expectClose(actual.grads[i]!, grad, FLOAT32, `gradient of input ${i}`);
      });
    });
  });
});
