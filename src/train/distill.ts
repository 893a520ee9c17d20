/**
 * Sequence-level distillation: a teacher's translations of its training sources, as data for a student.
 *
 * Paper: Kim & Rush, Sequence-Level Knowledge Distillation, 2016, https://arxiv.org/abs/1606.07947
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FormatError } from '../errors.ts';
import { isPairExperiment } from './config/schema.ts';
import { validateExperiment } from './config/validate.ts';
import { readParts } from './prepare-data.ts';

/**
 * Every source that a run was trained on, once.
 *
 * @param folder - of the run
 * @throws {FormatError} when it holds no `experiment.json`
 * @throws {DataError} when the data is not there any more
 */
export function trainingSources(folder: string): string[] {
  const file = join(folder, 'experiment.json');
  if (!existsSync(file)) {
    throw new FormatError({
      where: folder,
      file,
      problem: 'there is no experiment.json, which says what it was trained on',
      hint: 'name the folder of a run, or give the sources with --input',
    });
  }
  const { config } = JSON.parse(readFileSync(file, 'utf8')) as { config: unknown };
  const experiment = validateExperiment(config, file);
  if (!isPairExperiment(experiment)) {
    throw new FormatError({
      where: folder,
      file,
      problem: 'it was not trained on pairs of texts',
      hint: 'a teacher translates: name the run of an encoder–decoder model',
    });
  }
  const { data } = experiment;
  const examples = readParts(data).train.slice(0, data.maxTrainExamples);
  return [...new Set(examples.map(({ source }) => source))];
}
