/** The task of an experiment: what its data is decides what is trained. */
import type { Device } from '../core/device.ts';
import { modelOptions } from '../models/registry.ts';
import type { Checkpoint } from './checkpoint.ts';
import {
  type Experiment,
  isTaggingExperiment,
  isTextExperiment,
  type PairExperiment,
} from './config/schema.ts';
import type { TrainingEvent } from './events.ts';
import { prepareLanguageModelTask } from './language-model-task.ts';
import { prepareMaskedLanguageModelTask } from './masked-language-model-task.ts';
import { prepare } from './prepare-run.ts';
import { prepareSpanCorruptionTask } from './span-corruption-task.ts';
import { prepareTaggingTask } from './tagging-task.ts';
import type { TrainingTask } from './task.ts';
import { TranslationTask } from './translation-task.ts';

/** Reads the data and makes tokenizers and model, fresh or from a checkpoint. */
export function prepareTask(
  experiment: Experiment,
  checkpoint: Checkpoint | undefined,
  device: Device,
  onEvent: (event: TrainingEvent) => void,
): TrainingTask {
  if (isTextExperiment(experiment)) {
    const isMasked = modelOptions[experiment.model.kind]?.task === 'masked-language-model';
    const text = isMasked ? prepareMaskedLanguageModelTask : prepareLanguageModelTask;
    const make = experiment.data.corruption ? prepareSpanCorruptionTask : text;
    return make(experiment, checkpoint, device, onEvent);
  }
  if (isTaggingExperiment(experiment)) return prepareTaggingTask(experiment, checkpoint, device, onEvent);
  const pairs = experiment as PairExperiment;
  return new TranslationTask(pairs, prepare(pairs, checkpoint, device, onEvent));
}
