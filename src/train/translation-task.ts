/** Training on pairs of texts: packed batches, validation by loss and by decoding, samples with alignments. */
import type { Device } from '../core/device.ts';
import type { TokenPair } from '../data/batching.ts';
import { type Example, sourceOf } from '../data/examples.ts';
import { type Alignment, type Tokenizers, Translator } from '../generate/translator.ts';
import { getMetric } from '../metrics/registry.ts';
import type { EncoderDecoder } from '../models/encoder-decoder.ts';
import type { ModelDescription } from '../models/registry.ts';
import type { DecodingSection, Experiment } from './config/schema.ts';
import { comparedReferences, evaluateExamples, scoresOf } from './evaluate.ts';
import type { TrainingEvent } from './events.ts';
import { TrainingObjective } from './objectives/training-objective.ts';
import type { Prepared } from './prepare-run.ts';
import { pickEvenly, type SampleRecord, type TestResult } from './results.ts';
import { epochBatches, makeBatch, type PairBatch, Seq2SeqObjective } from './seq2seq.ts';
import type { EpochBatches, TrainingTask, ValidationResult } from './task.ts';

/** A model that reads one text and writes another, and its pairs. */
export class TranslationTask implements TrainingTask {
  private readonly experiment: Experiment;
  private readonly prepared: Prepared;
  private readonly objective: TrainingObjective;

  constructor(experiment: Experiment, prepared: Prepared) {
    this.experiment = experiment;
    this.prepared = prepared;
    this.objective = new TrainingObjective(prepared.model, prepared.tokenizers, experiment.training);
  }

  get model(): EncoderDecoder {
    return this.prepared.model;
  }

  get device(): Device {
    return this.model.device;
  }

  get description(): ModelDescription {
    return this.prepared.description;
  }

  get tokenizers(): Tokenizers {
    return this.prepared.tokenizers;
  }

  get trainExamples(): number {
    return this.prepared.trainPairs(0).length;
  }

  epoch(epoch: number): EpochBatches {
    const { seed } = this.experiment.training;
    const pairs = this.prepared.trainPairs(epoch);
    const batches = epochBatches(pairs, this.prepared.limits, { seed, epoch, shuffle: true });
    return {
      count: batches.length,
      batch: (place) => {
        const batch = this.batchOf(pairs, batches[place]!);
        const { sourceTokens, targetTokens } = batch;
        return {
          sourceTokens,
          targetTokens,
          trainOn: (total, at) => this.objective.trainOn(batch, total, at),
        };
      },
    };
  }

  /** Loss without smoothing over the validation pairs, and the decoded metrics that are asked for. */
  validate(): ValidationResult {
    const { evaluation } = this.experiment;
    const { model, tokenizers, validation } = this.prepared;
    const metrics: Record<string, number> = {};
    if (validation.length > 0) {
      metrics.loss = this.validationLoss();
      metrics.perplexity = Math.exp(metrics.loss);
      const translator = new Translator(model, tokenizers);
      if (evaluation.metrics.length > 0) {
        const { reports } = evaluateExamples(translator, this.prepared.validationExamples, evaluation);
        Object.assign(metrics, scoresOf(reports, evaluation.labels));
      }
    }
    const value = metrics[evaluation.labels[evaluation.selectBy] ?? evaluation.selectBy] ?? 0;
    const higherIsBetter = evaluation.selectBy !== 'loss' && getMetric(evaluation.selectBy).higherIsBetter;
    return { metrics, badness: higherIsBetter ? -value : value };
  }

  /** Scores the test examples, and translates some of them. */
  test(onEvent: (event: TrainingEvent) => void): TestResult {
    const { evaluation } = this.experiment;
    const { model, tokenizers, testExamples, validationExamples } = this.prepared;
    const section = evaluation.test ?? evaluation;
    const translator = new Translator(model, tokenizers);
    const examples = testExamples.slice(0, section.maxExamples);
    onEvent({ type: 'testing', examples: examples.length });
    const metrics =
      examples.length > 0
        ? scoresOf(evaluateExamples(translator, examples, section).reports, evaluation.labels)
        : {};
    const shown = pickEvenly(examples.length > 0 ? examples : validationExamples, evaluation.samples);
    return { metrics, samples: makeSamples(translator, shown, section) };
  }

  private batchOf(pairs: readonly TokenPair[], places: readonly number[]): PairBatch {
    return makeBatch(
      places.map((place) => pairs[place]!),
      this.tokenizers,
    );
  }

  private validationLoss(): number {
    const { validation: pairs, limits } = this.prepared;
    const padId = this.tokenizers.target.specialTokens.pad;
    const objective = new Seq2SeqObjective(this.model, { padId, labelSmoothing: 0 });
    const order = { seed: 0, epoch: 0, shuffle: false };
    const sums = epochBatches(pairs, limits, order).map((places) =>
      objective.evaluate(this.batchOf(pairs, places)),
    );
    return sums.reduce((t, { loss }) => t + loss, 0) / sums.reduce((t, { tokens }) => t + tokens, 0);
  }
}

const unaligned: Alignment = { sourceTokens: [], targetTokens: [], weights: [], heads: [] };

function makeSamples(
  translator: Translator,
  examples: readonly Example[],
  section: DecodingSection,
): SampleRecord[] {
  const { beamSize, lengthPenalty } = section;
  const sources = examples.map(sourceOf);
  const alignments = translator.model.alignmentPath !== undefined;
  return translator.translate(sources, { beamSize, lengthPenalty, alignments }).map((translation, i) => {
    const references = comparedReferences(examples[i]!, section, translator);
    const { sourceTokens, targetTokens, weights, heads } = translation.alignment ?? unaligned;
    return {
      source: translation.source,
      references,
      hypothesis: translation.text,
      score: translation.score,
      correct: references.includes(translation.text),
      sourceTokens,
      targetTokens,
      alignment: weights,
      heads,
    };
  });
}
