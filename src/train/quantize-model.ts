/** A trained model as a smaller one for use: quantised, saved, and scored before and after. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Example } from '../data/examples.ts';
import { ConfigError, DataError } from '../errors.ts';
import { checkWidths, modelBytes, quantize } from '../nn/quantize.ts';
import type { QuantizedType } from '../ops/quantized-linear/panels.ts';
import { saveCheckpoint } from './checkpoint.ts';
import { type DecodingSection, isPairExperiment } from './config/schema.ts';
import { validateExperiment } from './config/validate.ts';
import { evaluateExamples, scoresOf } from './evaluate.ts';
import type { LoadedModel } from './load-model.ts';
import { readParts } from './prepare-data.ts';

/** What a model is scored with. */
export interface ScoringSet {
  readonly examples: readonly Example[];
  readonly section: DecodingSection;
  /** Other names for metrics. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** Size and quality of a model. */
export interface ModelFigures {
  readonly bytes: number;
  /** Percent, by metric; empty without a scoring set. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** A model before and after it was quantised. */
export interface QuantizeReport {
  readonly dtype: QuantizedType;
  readonly examples: number;
  readonly before: ModelFigures;
  readonly after: ModelFigures;
}

function configIn(file: string): unknown {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { readonly config?: unknown }).config;
  } catch (cause) {
    throw new DataError({ where: file, file, expected: 'JSON', got: 'something else', cause });
  }
}

/**
 * The held-out examples of the run that a model comes from, with the run's own metrics.
 *
 * @param path - a run folder, or the folder `model` in it
 * @returns undefined when the run is not there, or has neither metrics nor held-out examples
 * @throws {ConfigError | DataError} when its data cannot be read any more
 */
export function scoringSetOf(path: string): ScoringSet | undefined {
  const run = basename(path) === 'model' ? dirname(path) : path;
  const file = join(run, 'experiment.json');
  if (!existsSync(file)) return undefined;
  const experiment = validateExperiment(configIn(file), file);
  if (!isPairExperiment(experiment)) return undefined;
  const { data, evaluation } = experiment;
  const section = evaluation.test ?? evaluation;
  const { test, validation } = readParts(data);
  const examples = test.length > 0 ? test : validation;
  if (section.metrics.length === 0 || examples.length === 0) return undefined;
  return { examples, section, labels: evaluation.labels };
}

function figures({ translator, model }: LoadedModel, set: ScoringSet | undefined): ModelFigures {
  const bytes = modelBytes(model);
  if (!set) return { bytes, metrics: {} };
  const { reports } = evaluateExamples(translator, set.examples, set.section);
  return { bytes, metrics: scoresOf(reports, set.labels) };
}

/**
 * Quantises a loaded model in place and saves it as a model folder.
 *
 * @param options - `out` is the new folder; `scoring` what it is scored with before and after
 * @throws {ConfigError} when it is quantised already, or a width does not fit; nothing has been written then
 */
export function quantizeModel(
  loaded: LoadedModel,
  options: { readonly dtype: QuantizedType; readonly out: string; readonly scoring: ScoringSet | undefined },
): QuantizeReport {
  const { dtype, out, scoring } = options;
  const { facts, model, translator } = loaded;
  if (facts.model.quantization !== undefined) {
    throw new ConfigError({
      where: loaded.path,
      expected: 'a model with float weights',
      got: `one that is quantised to ${facts.model.quantization} already`,
      hint: 'quantise the model that it was made from',
    });
  }
  checkWidths(model, dtype);
  const before = figures(loaded, scoring);
  quantize(model, { dtype });
  const after = figures(loaded, scoring);
  saveCheckpoint(out, {
    model: { ...facts.model, quantization: dtype },
    tokenizers: translator.tokenizers,
    weights: model.stateDict(),
  });
  const { maxExamples = Number.POSITIVE_INFINITY } = scoring?.section ?? {};
  return { dtype, examples: Math.min(maxExamples, scoring?.examples.length ?? 0), before, after };
}
