/** Scores of a trained model on what its run held out, or on other data. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Example } from '../data/examples.ts';
import { DataError } from '../errors.ts';
import { Translator } from '../generate/translator.ts';
import { EncoderDecoder } from '../models/encoder-decoder.ts';
import { CausalLanguageModel } from '../models/language-model.ts';
import {
  type DecodingSection,
  type Experiment,
  isPairExperiment,
  isTextExperiment,
  type PairExperiment,
  type TextExperiment,
} from './config/schema.ts';
import { validateExperiment } from './config/validate.ts';
import { evaluateExamples, scoresOf } from './evaluate.ts';
import { scoreText, windowsFor } from './language-model-task.ts';
import type { StoredModel } from './load-model.ts';
import { readParts } from './prepare-data.ts';
import { encodeText, readTextParts } from './prepare-text.ts';

/** A model with what it is scored on. */
export interface Scoring {
  readonly count: number;
  readonly unit: 'examples' | 'tokens';
  /** Of the model as it is now, by metric. */
  score(): Readonly<Record<string, number>>;
}

/** Why there is nothing to score with. */
export interface NoScoring {
  readonly reason: string;
}

/** What translations are scored with. */
export interface PairSet {
  readonly examples: readonly Example[];
  readonly section: DecodingSection;
  /** Other names for metrics. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** Scores translations; undefined where the model writes none. */
export function pairScoring(
  { model, tokenizers }: StoredModel,
  { examples, section, labels }: PairSet,
): Scoring | undefined {
  if (!(model instanceof EncoderDecoder)) return undefined;
  const translator = new Translator(model, tokenizers);
  const { maxExamples = examples.length } = section;
  return {
    count: Math.min(maxExamples, examples.length),
    unit: 'examples',
    score: () => scoresOf(evaluateExamples(translator, examples, section).reports, labels),
  };
}

/** Scores a running text; undefined where the model is no language model. */
export function textScoring({ model, tokenizers }: StoredModel, text: string): Scoring | undefined {
  if (!(model instanceof CausalLanguageModel)) return undefined;
  const encoded = encodeText(tokenizers.target, text);
  return {
    count: encoded.ids.length - 1,
    unit: 'tokens',
    score: () => scoreText(model.eval(), encoded, windowsFor(model)),
  };
}

function configIn(file: string): unknown {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { readonly config?: unknown }).config;
  } catch (cause) {
    throw new DataError({ where: file, file, expected: 'JSON', got: 'something else', cause });
  }
}

function ofPairs(stored: StoredModel, { data, evaluation }: PairExperiment): Scoring | undefined {
  const section = evaluation.test ?? evaluation;
  const { test, validation } = readParts(data);
  const examples = test.length > 0 ? test : validation;
  if (section.metrics.length === 0 || examples.length === 0) return undefined;
  return pairScoring(stored, { examples, section, labels: evaluation.labels });
}

function ofText(stored: StoredModel, { data }: TextExperiment): Scoring | undefined {
  const { test, validation } = readTextParts(data);
  const scoring = textScoring(stored, test || validation);
  return scoring && scoring.count > 0 ? scoring : undefined;
}

function ofExperiment(stored: StoredModel, experiment: Experiment): Scoring | undefined {
  if (isPairExperiment(experiment)) return ofPairs(stored, experiment);
  return isTextExperiment(experiment) ? ofText(stored, experiment) : undefined;
}

/**
 * Scoring with what the run of a model held out, with the run's own metrics.
 *
 * @param path - a run folder, or the folder `model` in it
 * @throws {ConfigError | DataError} when its data cannot be read any more
 */
export function heldOutScoring(path: string, stored: StoredModel): Scoring | NoScoring {
  const run = basename(path) === 'model' ? dirname(path) : path;
  const file = join(run, 'experiment.json');
  if (!existsSync(file)) return { reason: `${file} is not there, which says what the run held out` };
  const reason = 'its run held nothing out that translations or a running text are scored by';
  return ofExperiment(stored, validateExperiment(configIn(file), file)) ?? { reason };
}
