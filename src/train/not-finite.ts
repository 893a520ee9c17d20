/** What to say when a loss or a gradient is not a number any more. */
import { TrainingError } from '../errors.ts';
import type { Module } from '../nn/module.ts';

/** The error that names the step and the first tensor at fault; the weights have not been touched. */
export function notFinite(step: number, loss: number, model: Module, folder: string): TrainingError {
  const bad = (values: ArrayLike<number>): boolean =>
    Array.prototype.some.call(values, (v) => !Number.isFinite(v));
  const parameters = model.namedParameters();
  const weight = parameters.find(([, { data }]) => bad(data))?.[0];
  const gradient = parameters.find(([, { grad }]) => grad && bad(grad.data))?.[0];
  const tensor = weight ? `weight ${weight}` : gradient ? `gradient of ${gradient}` : 'the loss';
  return new TrainingError({
    where: `step ${step}`,
    problem: `the loss is ${loss} and ${tensor} is not finite`,
    hint: `lower training.learningRate, raise training.warmupSteps or set training.clipNorm; the last good checkpoint in ${folder} is kept`,
    step,
    code: 'E_NONFINITE',
  });
}
