/** Rules of the section `training` that hold for every sort of data. */
import { schedulesWithEnd } from '../schedules.ts';
import type { Need } from './rules.ts';
import { type Experiment, isPairExperiment, isTextExperiment } from './schema.ts';

/** Whether anything is held out to choose among states of the model. */
function hasValidation(experiment: Experiment): boolean {
  if (isTextExperiment(experiment)) {
    const { path, split, validation } = experiment.data;
    return path === undefined ? validation !== undefined : split?.validation !== 0;
  }
  const { data } = experiment;
  if (!isPairExperiment(experiment) || !experiment.data.all) return data.validation !== undefined;
  return (experiment.data.split?.validation ?? 0) > 0;
}

export function trainingRules(experiment: Experiment, need: Need): void {
  const { training, model } = experiment;
  const { maxSteps, maxEpochs, maxMinutes, finalRate, schedule, earlyStopping, average } = training;
  need(
    [maxSteps, maxEpochs, maxMinutes].some(Boolean),
    'training',
    'expected maxSteps, maxEpochs or maxMinutes',
  );
  need(
    finalRate === 0 || schedulesWithEnd.has(schedule),
    'training.finalRate',
    `expected with schedule ${[...schedulesWithEnd].join(' or ')}, got schedule "${schedule}", which has no end`,
  );
  const isHeldOut = hasValidation(experiment);
  need(
    isHeldOut || !earlyStopping,
    'training.earlyStopping',
    'expected with validation data only: without it no state is better than another',
  );
  need(
    isHeldOut || average?.of !== 'best',
    'training.average.of',
    'expected "last" without validation data, got "best"',
  );
  for (const field of ['scheduledSampling', 'reinforce'] as const) {
    const fine = training[field] === undefined || model.kind !== 'nat';
    need(fine, `training.${field}`, 'expected a model that writes one token after the other, got kind "nat"');
  }
}
