/** Inputs for the conformance suite, drawn from a sample. */
import { isFloat } from '../../src/core/dtype.ts';
import type { SampleInput } from '../../src/core/op.ts';
import type { Random } from '../../src/core/random.ts';
import { type Shape, sizeOf } from '../../src/core/shape.ts';
import { type Tensor, tensor } from '../../src/core/tensor.ts';

const isShape = (input: Exclude<SampleInput, null>): input is Shape => Array.isArray(input);

/** The shape of one input of a sample. */
export function sampleShape(input: Exclude<SampleInput, null>): Shape {
  return isShape(input) ? input : input.shape;
}

/** The given values of one input; undefined when they are drawn. */
export function givenValues(input: SampleInput): readonly number[] | undefined {
  return input !== null && !isShape(input) && 'values' in input ? input.values : undefined;
}

/** A tensor on `device` for one input of a sample; floats require a gradient. */
export function sampleTensor(input: SampleInput, random: Random, device: string): Tensor | null {
  if (input === null) return null;
  const shape = sampleShape(input);
  const dtype = (!isShape(input) && 'values' in input && input.dtype) || 'float64';
  const values = givenValues(input) ?? draw(input, sizeOf(shape), random);
  return tensor(Float64Array.from(values), shape, { dtype, device, requiresGrad: isFloat(dtype) });
}

function draw(input: Exclude<SampleInput, null>, size: number, random: Random): number[] {
  if (!isShape(input) && 'range' in input) {
    const [low, high] = input.range;
    return Array.from({ length: size }, () => low + (high - low) * random.uniform());
  }
  const away = !isShape(input) && 'awayFromZero' in input ? input.awayFromZero : 0;
  return Array.from({ length: size }, () => {
    const value = random.normal();
    return value + Math.sign(value) * away;
  });
}

/** Standard normal values under a shape. */
export function normalTensor(shape: readonly number[], random: Random, device: string): Tensor {
  return tensor(
    Float64Array.from({ length: sizeOf(shape) }, () => random.normal()),
    shape,
    { device },
  );
}
