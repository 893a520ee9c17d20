/** An experiment from its configuration to a finished run folder. */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { type Device, defaultDevice, getDevice } from '../core/device.ts';
import { Random } from '../core/random.ts';
import type { Example } from '../data/examples.ts';
import { ConfigError, TrainingError } from '../errors.ts';
import { type Tokenizers, Translator } from '../generate/translator.ts';
import { getMetric } from '../metrics/registry.ts';
import { buildModel, type ModelDescription } from '../models/registry.ts';
import type { Transformer } from '../models/transformer.ts';
import { heedVersion } from '../version.ts';
import { Adam } from './adam.ts';
import { diskProblem, writeAtomically } from './atomic.ts';
import { type Checkpoint, newestCheckpoint, restoreModel, runFolders } from './checkpoint.ts';
import { removeLeftovers } from './checkpoint-store.ts';
import type { Experiment } from './config/schema.ts';
import { evaluateExamples, scoresOf } from './evaluate.ts';
import type { TrainingEvent } from './events.ts';
import { lockFolder } from './lock.ts';
import {
  buildTokenizers,
  type EncodedPart,
  encodePart,
  lengthNote,
  readParts,
  requireExamples,
} from './prepare-data.ts';
import { epochBatches, makeBatch, Seq2SeqObjective } from './seq2seq.ts';
import { type Outcome, Trainer, type ValidationResult } from './trainer.ts';

export interface TrainOptions {
  /** Folder of the run; made when it is not there. */
  readonly folder: string;
  /** Goes on from the newest checkpoint in the folder. */
  readonly resume?: boolean;
  /** Name of a device; the best one that is available by default. */
  readonly device?: string;
  /** Refuses to fall back to an older checkpoint when the newest is damaged. */
  readonly strict?: boolean;
  readonly onEvent?: (event: TrainingEvent) => void;
  /** Stops after the current step, with a checkpoint. */
  readonly signal?: AbortSignal;
}

export interface TrainResult {
  readonly outcome: Outcome;
  readonly folder: string;
  readonly steps: number;
  readonly seconds: number;
  /** Test scores in percent, by metric; empty without test data, or when interrupted. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly samples: readonly SampleRecord[];
}

/** A line of `samples.json`. */
export interface SampleRecord {
  readonly source: string;
  readonly references: readonly string[];
  readonly hypothesis: string;
  readonly score: number;
  readonly correct: boolean;
  readonly sourceTokens: readonly string[];
  readonly targetTokens: readonly string[];
  readonly alignment: readonly (readonly number[])[];
  readonly heads: readonly (readonly (readonly number[])[])[];
}

/** Everything that is made before the first step. */
interface Prepared {
  readonly model: Transformer;
  readonly tokenizers: Tokenizers;
  readonly description: ModelDescription;
  readonly train: EncodedPart;
  readonly validation: EncodedPart;
  readonly validationExamples: readonly Example[];
  readonly testExamples: readonly Example[];
}

/**
 * Trains an experiment in a folder and evaluates the result.
 *
 * @throws {ConfigError | DataError | TrainingError | FormatError} as the parts of the experiment say
 * @example
 * const experiment = loadExperiment('recipes/pronounce.yaml');
 * const { metrics } = await trainExperiment(experiment, { folder: 'runs/pronounce' });
 */
export async function trainExperiment(experiment: Experiment, options: TrainOptions): Promise<TrainResult> {
  const { folder } = options;
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw diskProblem(folder, error);
  }
  const unlock = lockFolder(folder);
  try {
    return await trainLocked(experiment, options);
  } finally {
    unlock();
  }
}

async function trainLocked(experiment: Experiment, options: TrainOptions): Promise<TrainResult> {
  const { folder, onEvent = () => {} } = options;
  for (const place of ['', runFolders.checkpoints, runFolders.snapshots])
    removeLeftovers(join(folder, place));
  const device = options.device === undefined ? defaultDevice() : getDevice(options.device);
  const checkpoint = findStart(options, onEvent);
  const prepared = prepare(experiment, checkpoint, device, onEvent);
  const optimizer = new Adam(prepared.model.namedParameters(), adamOptions(experiment));
  if (checkpoint?.moments)
    optimizer.loadStateDict(checkpoint.moments, checkpoint.facts.training!.step, checkpoint.path);
  if (!checkpoint) writeFacts(experiment, prepared, device, folder);
  const trainer = new Trainer(
    {
      folder,
      experiment,
      ...prepared,
      optimizer,
      pairs: prepared.train.pairs,
      validate: () => validate(experiment, prepared),
      onEvent,
      signal: options.signal,
    },
    checkpoint,
  );
  onEvent({
    type: 'start',
    name: experiment.name,
    folder,
    parameters: prepared.model.numParameters,
    device: `${device.name} (${device.describe()})`,
    threads: device.threads(),
    trainExamples: prepared.train.pairs.length,
    resumedAt: trainer.state.step,
  });
  const outcome = await trainer.run();
  optimizer.dispose();
  const summary = { outcome, folder, steps: trainer.state.step, seconds: trainer.seconds };
  if (outcome === 'interrupted') return { ...summary, metrics: {}, samples: [] };
  return { ...summary, ...test(experiment, prepared, summary, onEvent) };
}

/** The checkpoint to go on from; without `resume` the folder must be fresh. */
function findStart(
  { folder, resume, strict }: TrainOptions,
  onEvent: (event: TrainingEvent) => void,
): Checkpoint | undefined {
  const hasRun = existsSync(join(folder, runFolders.checkpoints));
  if (!resume) {
    if (!hasRun) return undefined;
    throw new TrainingError({
      where: folder,
      problem: 'there is a run in this folder already',
      hint: 'go on with it by --resume, or choose another folder with --out',
      code: 'E_RUN_EXISTS',
    });
  }
  const found = newestCheckpoint(folder);
  if (!found) {
    onEvent({ type: 'note', text: 'no checkpoint yet: starting from the beginning' });
    return undefined;
  }
  for (const { problem } of found.damaged) {
    if (strict)
      throw new TrainingError({
        where: folder,
        problem,
        hint: 'leave out --strict to fall back',
        code: 'E_STRICT',
      });
    onEvent({
      type: 'note',
      text: `${problem}; falling back to step ${found.checkpoint.facts.training?.step}`,
    });
  }
  return found.checkpoint;
}

function prepare(
  experiment: Experiment,
  checkpoint: Checkpoint | undefined,
  device: Device,
  onEvent: (event: TrainingEvent) => void,
): Prepared {
  const say = (text: string | undefined): void => {
    if (text !== undefined) onEvent({ type: 'note', text });
  };
  const parts = readParts(experiment.data);
  const examples = parts.train.slice(0, experiment.data.maxTrainExamples);
  const built = checkpoint ? restored(checkpoint, experiment, device) : fresh(experiment, examples, device);
  for (const text of built.notes) say(text);
  const train = encodePart(examples, built.tokenizers, experiment.data);
  const validation = encodePart(parts.validation, built.tokenizers, experiment.data);
  requireExamples(train, 'train');
  say(lengthNote('train', train.report));
  say(lengthNote('validation', validation.report));
  return { ...built, train, validation, validationExamples: parts.validation, testExamples: parts.test };
}

type Built = Pick<Prepared, 'model' | 'tokenizers' | 'description'> & { readonly notes: readonly string[] };

function fresh(experiment: Experiment, examples: readonly Example[], device: Device): Built {
  const { tokenizers, notes } = buildTokenizers(experiment, examples);
  const description = describeModel(experiment, tokenizers);
  const random = new Random(experiment.training.seed, 'init');
  return { model: buildModel(description, { random, device }), tokenizers, description, notes };
}

function describeModel({ model }: Experiment, { source, target }: Tokenizers): ModelDescription {
  const { kind, finalNorm, ...config } = model;
  return {
    kind,
    config: {
      ...config,
      finalNorm: finalNorm ?? model.normPlacement === 'pre',
      sourceVocabSize: source.vocabSize,
      targetVocabSize: target.vocabSize,
      paddingId: source.specialTokens.pad,
    },
  };
}

function restored(checkpoint: Checkpoint, experiment: Experiment, device: Device): Built {
  const { model, tokenizers } = restoreModel(checkpoint, device.name);
  const description = checkpoint.facts.model;
  const wanted = JSON.stringify(describeModel(experiment, tokenizers));
  if (JSON.stringify(JSON.parse(wanted)) !== JSON.stringify(description)) {
    throw new ConfigError({
      where: checkpoint.path,
      problem: 'the checkpoint was made with another model configuration',
      hint: 'resume with the configuration of the run, or start in another folder with --out',
      code: 'E_ARCHITECTURE',
    });
  }
  return { model, tokenizers, description, notes: [] };
}

function adamOptions({ training }: Experiment) {
  const { beta1, beta2, eps, weightDecay, optimizer } = training;
  return { beta1, beta2, eps, weightDecay, decoupled: optimizer === 'adamw' };
}

/** Loss without smoothing over the validation pairs, and the decoded metrics that are asked for. */
function validate(experiment: Experiment, prepared: Prepared): ValidationResult {
  const { data, evaluation } = experiment;
  const { model, tokenizers, validation } = prepared;
  const metrics: Record<string, number> = {};
  if (validation.pairs.length > 0) {
    const objective = new Seq2SeqObjective(model, {
      padId: tokenizers.target.specialTokens.pad,
      labelSmoothing: 0,
    });
    const order = { seed: 0, epoch: 0, shuffle: false };
    const sums = epochBatches(validation.pairs, data, order).map((places) =>
      objective.evaluate(
        makeBatch(
          places.map((place) => validation.pairs[place]!),
          tokenizers,
        ),
      ),
    );
    metrics.loss = sums.reduce((t, { loss }) => t + loss, 0) / sums.reduce((t, { tokens }) => t + tokens, 0);
    metrics.perplexity = Math.exp(metrics.loss);
    const translator = new Translator(model, tokenizers);
    if (evaluation.metrics.length > 0) {
      const { reports } = evaluateExamples(translator, prepared.validationExamples, evaluation);
      Object.assign(metrics, scoresOf(reports, evaluation.labels));
    }
  }
  const value = metrics[evaluation.labels[evaluation.selectBy] ?? evaluation.selectBy] ?? 0;
  const higherIsBetter = evaluation.selectBy !== 'loss' && getMetric(evaluation.selectBy).higherIsBetter;
  return { metrics, badness: higherIsBetter ? -value : value };
}

/** Scores the test examples, and writes samples and result into the run folder. */
function test(
  experiment: Experiment,
  prepared: Prepared,
  summary: Pick<TrainResult, 'folder' | 'steps' | 'seconds'>,
  onEvent: (event: TrainingEvent) => void,
): Pick<TrainResult, 'metrics' | 'samples'> {
  const { folder } = summary;
  const section = experiment.evaluation.test ?? experiment.evaluation;
  const translator = new Translator(prepared.model, prepared.tokenizers);
  const examples = prepared.testExamples.slice(0, section.maxExamples);
  onEvent({ type: 'testing', examples: examples.length });
  const metrics =
    examples.length > 0
      ? scoresOf(evaluateExamples(translator, examples, section).reports, experiment.evaluation.labels)
      : {};
  const shown = pick(
    examples.length > 0 ? examples : prepared.validationExamples,
    experiment.evaluation.samples,
  );
  const samples = makeSamples(translator, shown, section);
  writeAtomically(join(folder, 'samples.json'), `${JSON.stringify(samples)}\n`);
  const result = { seconds: summary.seconds, steps: summary.steps, metrics, published: experiment.published };
  writeAtomically(join(folder, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);
  return { metrics, samples };
}

/** Examples spread evenly over a list. */
function pick(examples: readonly Example[], count: number): Example[] {
  const step = Math.max(1, Math.floor(examples.length / Math.max(1, count)));
  return examples.filter((_, i) => i % step === 0).slice(0, count);
}

function makeSamples(
  translator: Translator,
  examples: readonly Example[],
  section: Experiment['evaluation']['test'] & object,
): SampleRecord[] {
  const { beamSize, lengthPenalty, normalizeReferences } = section;
  const { target } = translator.tokenizers;
  const asCompared = (text: string): string => (normalizeReferences ? target.normalize(text) : text);
  const sources = examples.map(({ source }) => source);
  return translator
    .translate(sources, { beamSize, lengthPenalty, alignments: true })
    .map((translation, i) => ({
      source: translation.source,
      references: examples[i]!.references,
      hypothesis: translation.text,
      score: translation.score,
      correct: examples[i]!.references.includes(translation.text),
      sourceTokens: translation.alignment!.sourceTokens,
      targetTokens: translation.alignment!.targetTokens,
      alignment: translation.alignment!.weights,
      heads: translation.alignment!.heads,
    }));
}

/** `experiment.json`: what was run, and where. */
function writeFacts(experiment: Experiment, { model }: Prepared, device: Device, folder: string): void {
  const parts = Object.fromEntries(
    model
      .children()
      .map(([name, child]) => [name, 'numParameters' in child ? child.numParameters : child.size]),
  );
  const facts = {
    name: experiment.name,
    config: experiment,
    parameters: { total: model.numParameters, parts },
    device: `${device.name} (${device.describe()})`,
    threads: device.threads(),
    host: { cpu: os.cpus()[0]?.model ?? 'unknown', node: process.version },
    startedAt: new Date().toISOString(),
    heedVersion,
  };
  rmSync(join(folder, 'result.json'), { force: true });
  writeAtomically(join(folder, 'experiment.json'), `${JSON.stringify(facts, null, 2)}\n`);
}
