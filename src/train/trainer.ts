/**
 * The training loop: updates, logs, validation, checkpoints, early stopping, averaging.
 *
 * A run is a folder. Whatever the next update depends on stands in its newest checkpoint, so that a run that was
 * killed at any moment goes on bit for bit as if nothing had happened.
 */
import { join } from 'node:path';
import { withPrecision } from '../core/precision.ts';
import type { StoredTensor } from '../formats/safetensors.ts';
import { addMeasure } from '../nn/auxiliary.ts';
import { withDropoutKeys } from '../nn/dropout-keys.ts';
import type { Adam } from './adam.ts';
import { removeQuietly } from './atomic.ts';
import { averageWeights } from './average.ts';
import {
  type Checkpoint,
  type CheckpointContent,
  readCheckpoint,
  runFolders,
  saveCheckpoint,
} from './checkpoint.ts';
import { numberedFolder, numberedFolders } from './checkpoint-store.ts';
import { clipFactor, gradientNorm } from './clip.ts';
import type { Experiment } from './config/schema.ts';
import type { TrainingEvent } from './events.ts';
import type { TrainingSums } from './learn.ts';
import { MetricLog } from './metric-log.ts';
import { notFinite } from './not-finite.ts';
import { learningRateAt } from './schedules.ts';
import type { EpochBatches, TrainingBatch, TrainingTask, UpdatePlace } from './task.ts';
import {
  freshState,
  freshWindow,
  restoredState,
  type Snapshot,
  type TrainingState,
} from './training-state.ts';

/** Checkpoints that are kept. */
const KEPT_CHECKPOINTS = 2;

export interface TrainerParts {
  readonly folder: string;
  readonly experiment: Experiment;
  readonly task: TrainingTask;
  readonly optimizer: Adam;
  readonly onEvent: (event: TrainingEvent) => void;
  readonly signal?: AbortSignal | undefined;
}

export type Outcome = 'finished' | 'interrupted';

export class Trainer {
  readonly state: TrainingState;
  private readonly parts: TrainerParts;
  private readonly log: MetricLog;
  private batches: EpochBatches | undefined;
  private startedAt = 0;
  private secondsBefore: number;
  private lastLog = { seconds: 0, tokens: 0 };
  private tokensSeen = 0;
  private lastRate = 0;
  /** Step of the newest checkpoint. */
  private savedStep: number;
  /** Snapshots that the checkpoint before the newest one refers to. */
  private olderSnapshots: readonly Snapshot[] = [];

  /** @param resumeFrom - a checkpoint whose weights and moments are loaded already */
  constructor(parts: TrainerParts, resumeFrom?: Checkpoint) {
    this.parts = parts;
    const { task, folder } = parts;
    this.state = resumeFrom?.facts.training ? restoredState(resumeFrom.facts.training) : freshState();
    this.secondsBefore = this.state.seconds;
    this.savedStep = resumeFrom ? this.state.step : -1;
    if (resumeFrom?.carried) task.restoreCarried?.(resumeFrom.carried);
    this.log = new MetricLog(folder, { step: this.state.step, bytes: this.state.metricBytes });
    this.olderSnapshots = this.state.snapshots;
  }

  /** Seconds of all sessions of this run. */
  get seconds(): number {
    return this.secondsBefore + (performance.now() - this.startedAt) / 1000;
  }

  /** Share of the training that is over, 0 … 1. */
  private get done(): number {
    const { maxSteps, maxEpochs, maxMinutes } = this.parts.experiment.training;
    const epochs = this.state.epoch + this.state.position / Math.max(1, this.batches?.count ?? 0);
    return Math.min(
      1,
      Math.max(
        maxSteps ? this.state.step / maxSteps : 0,
        maxEpochs ? epochs / maxEpochs : 0,
        maxMinutes ? this.seconds / (60 * maxMinutes) : 0,
      ),
    );
  }

  /**
   * Trains to the end, or until the signal says stop; a checkpoint is written in either case.
   *
   * @throws {TrainingError} when the loss is not finite or the disk cannot take a checkpoint
   */
  async run(): Promise<Outcome> {
    this.startedAt = performance.now();
    this.startEpoch();
    try {
      while (!this.isOver()) {
        await new Promise((resolve) => setImmediate(resolve));
        if (this.parts.signal?.aborted) {
          this.saveCheckpoint();
          return 'interrupted';
        }
        this.update();
        this.afterUpdate();
      }
      if (this.savedStep !== this.state.step) this.finish();
      this.writeModel();
      return 'finished';
    } finally {
      this.log.close();
    }
  }

  private isOver(): boolean {
    const patience = this.parts.experiment.training.earlyStopping?.patience;
    const isStale = patience !== undefined && this.state.validationsSinceBest >= patience;
    return this.done >= 1 || isStale;
  }

  private startEpoch(): EpochBatches {
    this.batches = this.parts.task.epoch(this.state.epoch);
    return this.batches;
  }

  private nextBatch(): TrainingBatch {
    let batches = this.batches ?? this.startEpoch();
    if (this.state.position >= batches.count) {
      this.state.epoch++;
      this.state.position = 0;
      batches = this.startEpoch();
    }
    return batches.batch(this.state.position++);
  }

  /** One update of the weights from `gradAccumSteps` batches. */
  private update(): void {
    const { task, optimizer, experiment } = this.parts;
    const { model } = task;
    const { training } = experiment;
    const { state } = this;
    const done = this.done;
    const step = state.step + 1;
    const batches = Array.from({ length: training.gradAccumSteps }, () => this.nextBatch());
    const tokens = batches.reduce((total, batch) => total + batch.targetTokens, 0);
    model.train();
    const sums = withDropoutKeys(training.seed, step, () =>
      batches.map((batch, i) => this.trainOn(batch, tokens, { step, batch: i, done })),
    );
    const loss = sums.reduce((total, batch) => total + batch.loss, 0);
    const gradNorm = gradientNorm(model.parameters());
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm))
      throw notFinite(step, loss / tokens, model, this.savedStep < 0 ? undefined : this.savedStep);
    this.lastRate = this.learningRate(step, done);
    optimizer.step(this.lastRate, clipFactor(gradNorm, training.clipNorm));
    model.zeroGrad();
    state.step = step;
    state.window.loss += loss;
    state.window.gradNorm += gradNorm;
    state.window.steps++;
    state.window.sourceTokens += batches.reduce((total, batch) => total + batch.sourceTokens, 0);
    state.window.targetTokens += tokens;
    for (const { measures } of sums) {
      for (const [name, measure] of Object.entries(measures))
        addMeasure(state.window.measures, name, measure);
    }
    this.tokensSeen += tokens;
  }

  /** The sums of a batch, whose gradients join those that are there. */
  private trainOn(batch: TrainingBatch, tokens: number, place: UpdatePlace): TrainingSums {
    const { experiment, task } = this.parts;
    return withPrecision(experiment.training.precision, task.device, () => batch.trainOn(tokens, place));
  }

  private learningRate(step: number, done: number): number {
    const { training, model } = this.parts.experiment;
    const { schedule, learningRate, warmupSteps, finalRate } = training;
    return learningRateAt(
      schedule,
      { step, done },
      { learningRate, warmupSteps, finalRate, dModel: model.dModel },
    );
  }

  private afterUpdate(): void {
    const { training, evaluation } = this.parts.experiment;
    const { step } = this.state;
    const over = this.done >= 1;
    if (step % training.logEvery === 0 || over) this.writeLog();
    if (step % evaluation.every === 0 || over) this.validate();
    if (step % training.checkpointEvery === 0 && !over) this.saveCheckpoint();
  }

  private writeLog(): void {
    const { state } = this;
    const { window } = state;
    if (window.steps === 0) return;
    const entry = {
      step: state.step,
      epoch: state.epoch,
      loss: window.loss / window.targetTokens,
      learningRate: this.lastRate,
      gradNorm: window.gradNorm / window.steps,
      sourceTokens: window.sourceTokens,
      targetTokens: window.targetTokens,
    };
    const measures = Object.fromEntries(
      Object.entries(window.measures).map(([name, { total, count }]) => [name, total / Math.max(1, count)]),
    );
    this.log.write({ kind: 'train', ...entry, ...measures });
    state.window = freshWindow();
    const { seconds } = this;
    const tokensPerSecond =
      (this.tokensSeen - this.lastLog.tokens) / Math.max(1e-9, seconds - this.lastLog.seconds);
    this.lastLog = { seconds, tokens: this.tokensSeen };
    this.log.writeTiming({ step: state.step, seconds, tokensPerSecond });
    const done = this.done;
    const secondsLeft = done > 0 ? (seconds * (1 - done)) / done : undefined;
    this.parts.onEvent({ type: 'step', ...entry, measures, tokensPerSecond, seconds, done, secondsLeft });
  }

  private validate(): void {
    const { task, onEvent } = this.parts;
    const { state } = this;
    task.model.eval();
    const { metrics, badness } = task.validate();
    const isMeasured = Object.keys(metrics).length > 0; // not so without validation data
    if (isMeasured) this.log.write({ kind: 'validation', step: state.step, ...metrics });
    state.lastBadness = badness;
    const isBest = state.best === undefined || badness < state.best.badness;
    if (isBest) state.best = { badness, step: state.step };
    state.validationsSinceBest = isBest ? 0 : state.validationsSinceBest + 1;
    if (this.averaging) this.takeSnapshot(badness);
    if (isMeasured) onEvent({ type: 'validation', step: state.step, metrics, isBest });
  }

  /** How the final weights are chosen: an average, the best ones with early stopping, or the last ones. */
  private get averaging(): { readonly of: 'last' | 'best'; readonly count: number } | undefined {
    const { average, earlyStopping } = this.parts.experiment.training;
    return average ?? (earlyStopping ? { of: 'best', count: 1 } : undefined);
  }

  private takeSnapshot(badness: number): void {
    const { state, parts } = this;
    const { of, count } = this.averaging!;
    const all = [...state.snapshots.filter(({ step }) => step !== state.step), { step: state.step, badness }];
    const kept =
      of === 'last' ? all.slice(-count) : all.toSorted((a, b) => a.badness - b.badness).slice(0, count);
    if (kept.some(({ step }) => step === state.step)) {
      const place = join(parts.folder, runFolders.snapshots);
      saveCheckpoint(numberedFolder(place, state.step), this.modelContent);
    }
    state.snapshots = kept;
  }

  /** What every folder with a model has. */
  private get modelContent(): CheckpointContent {
    const { description, tokenizers, model } = this.parts.task;
    return { model: description, tokenizers, weights: model.stateDict() };
  }

  private saveCheckpoint(): void {
    const { parts, state } = this;
    this.log.sync();
    state.seconds = this.seconds;
    state.metricBytes = this.log.bytes;
    const place = join(parts.folder, runFolders.checkpoints);
    saveCheckpoint(numberedFolder(place, state.step), {
      ...this.modelContent,
      moments: parts.optimizer.stateDict(),
      carried: parts.task.carriedState?.(),
      training: state,
    });
    this.removeOldCheckpoints(place);
    this.removeSnapshots();
    this.savedStep = state.step;
    parts.onEvent({ type: 'checkpoint', step: state.step });
  }

  /** Keeps the newest ones; any beyond this step were damaged, or this run would have gone on from there. */
  private removeOldCheckpoints(place: string): void {
    const isLater = ({ step }: { readonly step: number }): boolean => step > this.state.step;
    const all = numberedFolders(place);
    const good = all.filter((folder) => !isLater(folder));
    for (const { path } of [...all.filter(isLater), ...good.slice(KEPT_CHECKPOINTS)]) removeQuietly(path);
  }

  /** Removes snapshots that neither of the two newest checkpoints refers to. */
  private removeSnapshots(): void {
    const needed = new Set([...this.state.snapshots, ...this.olderSnapshots].map(({ step }) => step));
    for (const { step, path } of numberedFolders(join(this.parts.folder, runFolders.snapshots))) {
      if (!needed.has(step)) removeQuietly(path);
    }
    this.olderSnapshots = [...this.state.snapshots];
  }

  /** Writes the last checkpoint. */
  private finish(): void {
    this.writeLog();
    this.saveCheckpoint();
  }

  /** Loads the final weights into the model and writes its folder; again when a finished run is resumed. */
  private writeModel(): void {
    const { parts } = this;
    const weights = this.finalWeights();
    if (weights) parts.task.model.loadStateDict(weights);
    saveCheckpoint(join(parts.folder, runFolders.model), this.modelContent);
  }

  private finalWeights(): Map<string, StoredTensor> | undefined {
    const place = join(this.parts.folder, runFolders.snapshots);
    const sets = this.state.snapshots.map(({ step }) => readCheckpoint(numberedFolder(place, step)).weights);
    return sets.length > 0 ? averageWeights(sets) : undefined;
  }
}
