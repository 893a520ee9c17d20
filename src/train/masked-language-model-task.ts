/** Training a masked language model on one running text. */
import type { Device } from '../core/device.ts';
import { shuffledSegments, type TextParts, type WindowSizes } from '../data/running-text.ts';
import type { MaskingIds } from '../data/token-masking.ts';
import { perplexity } from '../metrics/language-model.ts';
import type { MaskedLanguageModel } from '../models/masked-language-model.ts';
import { buildMaskedLanguageModel } from '../models/registry.ts';
import { numSpecialTokens } from '../tokenizers/special-tokens.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { TextExperiment } from './config/schema.ts';
import type { TrainingEvent } from './events.ts';
import { learnFrom } from './learn.ts';
import { evaluateMasked, type Masking, maskedLosses, maskWindows } from './masked-language-modeling.ts';
import type { PreparedModel } from './prepare-model.ts';
import { prepareText } from './prepare-text.ts';
import type { TestResult } from './results.ts';
import type { EpochBatches, TrainingTask, ValidationResult } from './task.ts';

/** A masked language model and its text. */
class MaskedLanguageModelTask implements TrainingTask {
  readonly model: MaskedLanguageModel;
  readonly tokenizers: TrainingTask['tokenizers'];
  readonly description: TrainingTask['description'];
  private readonly experiment: TextExperiment;
  private readonly texts: Readonly<Record<keyof TextParts, Int32Array>>;
  private readonly masking: Masking;

  constructor(
    experiment: TextExperiment,
    prepared: PreparedModel<MaskedLanguageModel>,
    texts: Readonly<Record<keyof TextParts, Int32Array>>,
  ) {
    this.experiment = experiment;
    this.model = prepared.model;
    this.tokenizers = prepared.tokenizers;
    this.description = prepared.description;
    this.texts = texts;
    const mask = prepared.tokenizers.target.specialTokens.mask!;
    const ids: MaskingIds = { mask, ordinary: [numSpecialTokens, mask] };
    this.masking = { ids, rates: experiment.data.masking ?? {} };
  }

  get device(): Device {
    return this.model.device;
  }

  get trainExamples(): number {
    return Math.floor((this.texts.train.length - 1) / this.sizes.length);
  }

  epoch(epoch: number): EpochBatches {
    const { seed, labelSmoothing } = this.experiment.training;
    const { train } = this.texts;
    const batches = shuffledSegments(train.length, this.sizes, { seed, epoch });
    return {
      count: batches.length,
      batch: (place) => {
        const masked = maskWindows(train, batches[place]!, this.masking, [seed, 'train', epoch, place]);
        const tokens = masked.labels.length;
        return {
          sourceTokens: masked.ids.length,
          targetTokens: tokens,
          trainOn: (total) =>
            learnFrom(() => maskedLosses(this.model, masked, labelSmoothing), tokens, total),
        };
      },
    };
  }

  validate(): ValidationResult {
    const metrics = this.score('validation');
    return { metrics, badness: metrics.loss ?? 0 };
  }

  test(onEvent: (event: TrainingEvent) => void): TestResult {
    onEvent({ type: 'testing', examples: Math.ceil(this.texts.test.length / this.sizes.length) });
    return { metrics: this.score('test'), samples: [] };
  }

  /** Loss, perplexity and accuracy at the hidden tokens; nothing where no token can be hidden. */
  private score(part: 'validation' | 'test'): Readonly<Record<string, number>> {
    const { nll, correct, tokens } = evaluateMasked(
      this.model,
      this.texts[part],
      this.sizes,
      this.masking,
      part,
    );
    if (tokens === 0) return {};
    return { loss: nll / tokens, perplexity: perplexity(nll, tokens), accuracy: correct / tokens };
  }

  private get sizes(): WindowSizes {
    const { segmentLength, batchSize } = this.experiment.data;
    return { length: segmentLength, batchSize };
  }
}

/**
 * Reads the text and makes tokenizer and model, fresh or from a checkpoint.
 *
 * @throws {DataError} when a file cannot be read, or the text is shorter than a segment
 */
export function prepareMaskedLanguageModelTask(
  experiment: TextExperiment,
  checkpoint: Checkpoint | undefined,
  device: Device,
  onEvent: (event: TrainingEvent) => void,
): TrainingTask {
  const { prepared, texts } = prepareText(
    experiment,
    { build: buildMaskedLanguageModel, hasMask: true },
    checkpoint,
    device,
    onEvent,
  );
  const ids = { train: texts.train.ids, validation: texts.validation.ids, test: texts.test.ids };
  return new MaskedLanguageModelTask(experiment, prepared, ids);
}
