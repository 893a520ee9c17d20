/** Training a language model on one running text. */
import type { Device } from '../core/device.ts';
import { orderedSegments, shuffledSegments, type TextParts } from '../data/running-text.ts';
import type { StoredTensor } from '../formats/safetensors.ts';
import { languageModelScores } from '../metrics/language-model.ts';
import type { CausalLanguageModel } from '../models/language-model.ts';
import { buildLanguageModel } from '../models/registry.ts';
import { SegmentMemory } from '../models/segment-memory.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { TextExperiment } from './config/schema.ts';
import type { TrainingEvent } from './events.ts';
import { evaluateText, type TextEvaluation, TextTrainer } from './language-modeling.ts';
import type { PreparedModel } from './prepare-model.ts';
import { type EncodedText, prepareText } from './prepare-text.ts';
import type { TestResult } from './results.ts';
import type { EpochBatches, TrainingTask, ValidationResult } from './task.ts';

/**
 * Loss, perplexity and bits per character of a text.
 *
 * @throws {ConfigError} when a stride cannot be used
 */
export function scoreText(
  model: CausalLanguageModel,
  { ids, characters }: EncodedText,
  options: TextEvaluation,
): Readonly<Record<'loss' | 'perplexity' | 'bitsPerCharacter', number>> {
  const { nll, tokens } = evaluateText(model, ids, options);
  const { meanNll, perplexity, bitsPerCharacter } = languageModelScores(nll, { tokens, characters });
  return { loss: meanNll, perplexity, bitsPerCharacter: bitsPerCharacter! };
}

/** Windows in which a text is read where nobody chose them: as long as the model takes, up to 128 tokens. */
export function windowsFor({ maxSeqLen }: CausalLanguageModel): TextEvaluation {
  return { length: Math.min(128, maxSeqLen), batchSize: 16 };
}

/** A language model and its text. */
class LanguageModelTask implements TrainingTask {
  readonly model: CausalLanguageModel;
  readonly tokenizers: TrainingTask['tokenizers'];
  readonly description: TrainingTask['description'];
  private readonly experiment: TextExperiment;
  private readonly texts: Readonly<Record<keyof TextParts, EncodedText>>;
  private readonly trainer: TextTrainer;

  constructor(
    experiment: TextExperiment,
    prepared: PreparedModel<CausalLanguageModel>,
    texts: Readonly<Record<keyof TextParts, EncodedText>>,
  ) {
    this.experiment = experiment;
    this.model = prepared.model;
    this.tokenizers = prepared.tokenizers;
    this.description = prepared.description;
    this.texts = texts;
    this.trainer = new TextTrainer(this.model, texts.train.ids, experiment.training.labelSmoothing);
  }

  get device(): Device {
    return this.model.device;
  }

  get trainExamples(): number {
    return Math.floor((this.texts.train.ids.length - 1) / this.sizes.length);
  }

  epoch(epoch: number): EpochBatches {
    const { seed } = this.experiment.training;
    const batchesOf = this.model.hasMemory ? orderedSegments : shuffledSegments;
    const batches = batchesOf(this.texts.train.ids.length, this.sizes, { seed, epoch });
    return {
      count: batches.length,
      batch: (place) => {
        const windows = batches[place]!;
        const tokens = windows.starts.length * windows.length;
        return {
          sourceTokens: tokens,
          targetTokens: tokens,
          trainOn: (total, { done }) => this.trainer.trainOn(windows, total, done),
        };
      },
    };
  }

  validate(): ValidationResult {
    const { validation } = this.texts;
    if (validation.ids.length < 2) return { metrics: {}, badness: 0 };
    const metrics = scoreText(this.model, validation, this.sizes);
    return { metrics, badness: metrics.loss };
  }

  test(onEvent: (event: TrainingEvent) => void): TestResult {
    const { test } = this.texts;
    const examples = Math.max(0, Math.ceil((test.ids.length - 1) / this.sizes.length));
    onEvent({ type: 'testing', examples });
    if (examples === 0) return { metrics: {}, samples: [] };
    const { stride } = this.experiment.evaluation;
    return { metrics: scoreText(this.model, test, { ...this.sizes, stride }), samples: [] };
  }

  carriedState() {
    return this.trainer.memory?.stateDict();
  }

  restoreCarried(state: ReadonlyMap<string, StoredTensor>): void {
    this.trainer.memory = SegmentMemory.from(state, this.model.parameters()[0]!);
  }

  private get sizes() {
    const { segmentLength, batchSize } = this.experiment.data;
    return { length: segmentLength, batchSize };
  }
}

/**
 * Reads the text and makes tokenizer and model, fresh or from a checkpoint.
 *
 * @throws {DataError} when a file cannot be read, or the text is shorter than a segment
 */
export function prepareLanguageModelTask(
  experiment: TextExperiment,
  checkpoint: Checkpoint | undefined,
  device: Device,
  onEvent: (event: TrainingEvent) => void,
): TrainingTask {
  const sort = { build: buildLanguageModel };
  const { prepared, texts } = prepareText(experiment, sort, checkpoint, device, onEvent);
  return new LanguageModelTask(experiment, prepared, texts);
}
