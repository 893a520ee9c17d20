/** What the Trainer asks of what it trains: all in which translation, language modelling and tagging differ. */
import type { Device } from '../core/device.ts';
import type { Tensor } from '../core/tensor.ts';
import type { StoredTensor } from '../formats/safetensors.ts';
import type { Tokenizers } from '../generate/translator.ts';
import type { ModelDescription } from '../models/registry.ts';
import type { Module } from '../nn/module.ts';
import type { TrainingEvent } from './events.ts';
import type { TrainingSums } from './learn.ts';
import type { TestResult } from './results.ts';

/** What validation measured; `badness` is what selects, lower is better. */
export interface ValidationResult {
  readonly metrics: Readonly<Record<string, number>>;
  readonly badness: number;
}

/** Where training stands. */
export interface UpdatePlace {
  /** Counts updates from 1. */
  readonly step: number;
  /** Counts the batches of an update from 0. */
  readonly batch: number;
  /** Share of the training that is over, 0 … 1. */
  readonly done: number;
}

/** A batch that knows how it is learned from. */
export interface TrainingBatch {
  readonly sourceTokens: number;
  /** Labels. */
  readonly targetTokens: number;
  /**
   * Adds the gradients of the batch to the parameters.
   *
   * @param totalTokens - labels of all batches of the update
   */
  trainOn(totalTokens: number, place: UpdatePlace): TrainingSums;
}

/** The batches of an epoch. */
export interface EpochBatches {
  readonly count: number;
  /** The batch at a place, from 0; they are asked for in order. */
  batch(place: number): TrainingBatch;
}

/** Data and model of a run. */
export interface TrainingTask {
  readonly model: Module;
  readonly device: Device;
  readonly description: ModelDescription;
  readonly tokenizers: Tokenizers;
  /** Examples, or segments of a text, that an epoch has. */
  readonly trainExamples: number;
  /** A function of seed and epoch only, so that a run goes on in the middle of one. */
  epoch(epoch: number): EpochBatches;
  validate(): ValidationResult;
  /** Scores and samples of the finished model. */
  test(onEvent: (event: TrainingEvent) => void): TestResult;
  /** What the next batch depends on besides weights and moments, for a checkpoint. */
  carriedState?(): ReadonlyMap<string, Tensor> | undefined;
  /** Takes it back. */
  restoreCarried?(state: ReadonlyMap<string, StoredTensor>): void;
}
