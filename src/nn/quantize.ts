/** Quantisation of a trained model for inference. */
import type { Tensor } from '../core/tensor.ts';
import { checkWidth, layoutOf, type QuantizedType } from '../ops/quantized-linear/panels.ts';
import type { Module } from './module.ts';
import { WeightModule } from './weight-module.ts';

/** How `quantize` rounds. */
export interface QuantizeOptions {
  /** `int8`: one scale for each row; `int4`: one for each group of 32 columns. */
  readonly dtype: QuantizedType;
}

/** Bytes of the parameters and codes of a model. */
export function modelBytes(model: Module): number {
  return [...model.stateDict().values()].reduce((total, { data }: Tensor) => total + data.byteLength, 0);
}

/** Linear layers and token tables that have a float weight, with their paths. */
function floatWeights(model: Module): [string, WeightModule][] {
  return model
    .namedModules()
    .flatMap(([path, module]): [string, WeightModule][] =>
      module instanceof WeightModule && !module.quantized ? [[path, module]] : [],
    );
}

/**
 * Whether `quantize` would accept a model; it changes nothing.
 *
 * @throws {ConfigError} as `quantize` does
 */
export function checkWidths(model: Module, dtype: QuantizedType): void {
  layoutOf(dtype);
  for (const [path, { weight }] of floatWeights(model)) checkWidth(`${path}.weight`, weight.shape[1]!, dtype);
}

/**
 * Replaces the weights of every linear layer and token table by codes. Biases, norms and position tables stay as they
 * are. The model cannot be trained afterwards: `backward` through it throws a TrainingError.
 *
 * @returns the same model
 * @throws {ConfigError} when the dtype is unknown, or with `int4` a width is not a multiple of 32; it names the weight,
 *   and nothing has been changed then
 * @example
 * quantize(model, { dtype: 'int8' });
 */
export function quantize<M extends Module>(model: M, { dtype }: QuantizeOptions): M {
  checkWidths(model, dtype);
  for (const [, module] of floatWeights(model)) module.quantize(dtype);
  return model;
}
