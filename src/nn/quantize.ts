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
  layoutOf(dtype);
  const parts = model
    .namedModules()
    .flatMap(([path, module]) =>
      module instanceof WeightModule && !module.quantized ? [[path, module] as const] : [],
    );
  for (const [path, { weight }] of parts) checkWidth(`${path}.weight`, weight.shape[1]!, dtype);
  for (const [, module] of parts) module.quantize(dtype);
  return model;
}
