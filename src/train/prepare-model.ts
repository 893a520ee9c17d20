/** Tokenizers and model of a run: learned and fresh, or those of a checkpoint. */
import { isDeepStrictEqual } from 'node:util';
import type { Device } from '../core/device.ts';
import { Random } from '../core/random.ts';
import { ConfigError } from '../errors.ts';
import type { Tokenizers } from '../generate/translator.ts';
import { completed, type ModelDescription } from '../models/registry.ts';
import type { Module, ModuleContext } from '../nn/module.ts';
import { type Checkpoint, restoreModel } from './checkpoint.ts';
import type { Experiment } from './config/schema.ts';
import type { LearnedTokenizers } from './prepare-data.ts';

/** A model with what belongs to it. */
export interface PreparedModel<M extends Module> {
  readonly model: M;
  readonly tokenizers: Tokenizers;
  readonly description: ModelDescription;
}

/** How a sort of model is made. */
export interface ModelSort<M extends Module> {
  /** Learns the tokenizers from the training texts. */
  learnTokenizers(): LearnedTokenizers;
  /** Fields of the configuration that follow from the tokenizers. */
  sizes(tokenizers: Tokenizers): Readonly<Record<string, number>>;
  /** @throws {ConfigError} when the kind is of another sort */
  build(description: ModelDescription, context: ModuleContext): M;
}

/**
 * The model of an experiment.
 *
 * @param checkpoint - to go on from
 * @param say - is told what the data did not support
 * @throws {ConfigError} when the checkpoint was made with another configuration
 */
export function prepareModel<M extends Module>(
  experiment: Experiment,
  sort: ModelSort<M>,
  checkpoint: Checkpoint | undefined,
  device: Device,
  say: (text: string) => void,
): PreparedModel<M> {
  if (checkpoint) return restored(experiment, sort, checkpoint, device);
  const { tokenizers, notes } = sort.learnTokenizers();
  for (const text of notes) say(text);
  const description = describe(experiment, sort, tokenizers);
  const random = new Random(experiment.training.seed, 'init');
  return { model: sort.build(description, { random, device }), tokenizers, description };
}

function describe<M extends Module>(
  { model }: Experiment,
  sort: ModelSort<M>,
  tokenizers: Tokenizers,
): ModelDescription {
  const { kind, ...config } = model;
  return completed({ kind, config: { ...config, ...sort.sizes(tokenizers) } } as unknown as ModelDescription);
}

/** As it comes back from a file. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function restored<M extends Module>(
  experiment: Experiment,
  sort: ModelSort<M>,
  checkpoint: Checkpoint,
  device: Device,
): PreparedModel<M> {
  const { model, tokenizers } = restoreModel(checkpoint, device.name, sort.build);
  const description = checkpoint.facts.model;
  if (!isDeepStrictEqual(plain(describe(experiment, sort, tokenizers)), plain(completed(description)))) {
    throw new ConfigError({
      where: checkpoint.path,
      problem: 'the checkpoint was made with another model configuration',
      hint: 'resume with the configuration of the run, or start in another folder with --out',
      code: 'E_ARCHITECTURE',
    });
  }
  return { model, tokenizers, description };
}
