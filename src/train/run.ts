/** An experiment from its configuration to a finished run folder. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { defaultDevice, getDevice } from '../core/device.ts';
import { checkPrecision } from '../core/precision.ts';
import { TrainingError } from '../errors.ts';
import { Adam } from './adam.ts';
import { makeFolder } from './atomic.ts';
import { type Checkpoint, newestCheckpoint, runFolders } from './checkpoint.ts';
import { removeLeftovers } from './checkpoint-store.ts';
import type { Experiment } from './config/schema.ts';
import type { TrainingEvent } from './events.ts';
import { lockFolder } from './lock.ts';
import { prepareTask } from './prepare-task.ts';
import { type TestResult, writeFacts, writeResults } from './results.ts';
import { type Outcome, Trainer } from './trainer.ts';

/** Where and how an experiment is trained. */
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

/** How a run ended; scores and samples are empty when it was interrupted. */
export interface TrainResult extends TestResult {
  readonly outcome: Outcome;
  readonly folder: string;
  readonly steps: number;
  readonly seconds: number;
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
  makeFolder(folder);
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
  checkPrecision(experiment.training.precision, device, 'training.precision');
  const checkpoint = findStart(options, onEvent);
  const task = prepareTask(experiment, checkpoint, device, onEvent);
  const optimizer = new Adam(task.model.namedParameters(), adamOptions(experiment));
  if (checkpoint?.moments)
    optimizer.loadStateDict(checkpoint.moments, checkpoint.facts.training!.step, checkpoint.path);
  if (!checkpoint) writeFacts(experiment, task.model, device, folder);
  const { signal } = options;
  const trainer = new Trainer({ folder, experiment, task, optimizer, onEvent, signal }, checkpoint);
  onEvent({
    type: 'start',
    name: experiment.name,
    folder,
    parameters: task.model.numParameters,
    device: `${device.name} (${device.describe()})`,
    threads: device.threads(),
    trainExamples: task.trainExamples,
    resumedAt: trainer.state.step,
  });
  const outcome = await trainer.run();
  optimizer.dispose();
  const summary = { outcome, folder, steps: trainer.state.step, seconds: trainer.seconds };
  if (outcome === 'interrupted') return { ...summary, metrics: {}, samples: [] };
  task.model.eval();
  const result = task.test(onEvent);
  writeResults(experiment, result, summary);
  return { ...summary, ...result };
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
        where: 'strict',
        problem,
        hint: `without strict, training goes on from ${found.checkpoint.path}`,
        code: 'E_STRICT',
      });
    onEvent({
      type: 'note',
      text: `${problem}; falling back to step ${found.checkpoint.facts.training?.step}`,
    });
  }
  return found.checkpoint;
}

function adamOptions({ training }: Experiment) {
  const { beta1, beta2, eps, weightDecay, optimizer } = training;
  return { beta1, beta2, eps, weightDecay, decoupled: optimizer === 'adamw' };
}
