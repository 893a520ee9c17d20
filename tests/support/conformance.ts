/** One op on one sample: its output and gradients on a device, and how near they must come to the reference's. */
import { expect } from 'vitest';
import type { AnyOp } from '../../src/core/op.ts';
import { backward, formatShape, Random, scope, type Tensor } from '../../src/index.ts';
import { expectClose, type Tolerance } from './compare.ts';
import { normalTensor, sampleShape, sampleTensor } from './random-tensors.ts';

export type AnySample = AnyOp['definition']['samples'][number];

/** What rounding to float32 explains. */
const FLOAT32: Tolerance = { rtol: 2e-5, atol: 4e-6 };

/** What an op gives; no gradient where it has none. */
export interface Outcome {
  readonly output: Float64Array;
  readonly grads: readonly (Float64Array | null)[];
}

/** The inputs of a sample, the same numbers on every device. */
export function inputsOf(sample: AnySample, device: string): (Tensor | null)[] {
  const random = new Random(11, JSON.stringify(sample.inputs));
  return sample.inputs.map((input) => sampleTensor(input, random, device));
}

/** Output and gradients of an op on a sample, behind a gradient drawn once for all devices. */
export function outcome(op: AnyOp, sample: AnySample, device: string): Outcome {
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

/** Output and gradients are those of the reference. */
export function expectOutcome(actual: Outcome, expected: Outcome, what = '', tolerance = FLOAT32): void {
  const of = (part: string): string => (what ? `${what}: ${part}` : part);
  expectClose(actual.output, expected.output, tolerance, of('output'));
  expected.grads.forEach((grad, i) => {
    expect(actual.grads[i] === null, of(`gradient of input ${i} is there`)).toBe(grad === null);
    if (grad) expectClose(actual.grads[i]!, grad, tolerance, of(`gradient of input ${i}`));
  });
}

/** Shapes, parameters and note of a sample. */
export function labelOf(sample: AnySample): string {
  const shapes = sample.inputs.map((input) => (input === null ? 'null' : formatShape(sampleShape(input))));
  return `${shapes.join(' ')} ${JSON.stringify(sample.params)}${sample.note ? `: ${sample.note}` : ''}`;
}
