/** What to say when a loss or a gradient is not a number any more. */
import { TrainingError } from '../errors.ts';
import type { Module } from '../nn/module.ts';

/**
 * The error that names the step and the first tensor at fault; the weights have not been touched.
 *
 * @param savedStep - step of the newest checkpoint
 */
export function notFinite(
  step: number,
  loss: number,
  model: Module,
  savedStep: number | undefined,
): TrainingError {
  const bad = (values: ArrayLike<number>): boolean =>
    Array.prototype.some.call(values, (v) => !Number.isFinite(v));
  const parameters = model.namedParameters();
  const weight = parameters.find(([, { data }]) => bad(data))?.[0];
  const gradient = parameters.find(([, { grad }]) => grad && bad(grad.data))?.[0];
  const tensor = weight ? `weight ${weight}` : gradient ? `gradient of ${gradient}` : undefined;
  const what = tensor ?? (Number.isFinite(loss) ? 'the norm of the gradients' : undefined);
  const saved =
    savedStep === undefined
      ? 'there is no checkpoint yet, so start again in another folder'
      : `the checkpoint of step ${savedStep} is kept, --resume goes on from it`;
  return new TrainingError({
    where: `step ${step}`,
    problem: `the loss is ${loss}${what ? ` and ${what} is not finite` : ''}`,
    hint: `lower training.learningRate, raise training.warmupSteps or set training.clipNorm; ${saved}`,
    step,
    code: 'E_NONFINITE',
  });
}
