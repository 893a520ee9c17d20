/** Training a model that gives each token of a sentence a tag. */
import { join } from 'node:path';
import type { Device } from '../core/device.ts';
import { scope } from '../core/scope.ts';
import { noGrad } from '../core/tape.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import { packedBatches } from '../data/batching.ts';
import { readConll, type TaggedSentence } from '../data/conll.ts';
import { makeExample } from '../data/examples.ts';
import { ProblemList } from '../data/problems.ts';
import { ConfigError, DataError } from '../errors.ts';
import { likeliestTags, splitByLengths, tagNames, tokenId } from '../generate/tagger.ts';
import type { Tokenizers } from '../generate/translator.ts';
import { areSpanTags, taggingScores } from '../metrics/tagging.ts';
import { buildTaggingModel } from '../models/registry.ts';
import type { TaggingModel } from '../models/tagging-model.ts';
import { crossEntropy } from '../ops/cross-entropy/index.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { TaggingExperiment, TaggingSection } from './config/schema.ts';
import type { TrainingEvent } from './events.ts';
import { learnFrom, sumOf } from './learn.ts';
import { buildTokenizers } from './prepare-data.ts';
import { type PreparedModel, prepareModel } from './prepare-model.ts';
import { pickEvenly, type SampleRecord, type TestResult } from './results.ts';
import type { EpochBatches, TrainingTask, ValidationResult } from './task.ts';

/** A sentence as ids. */
interface EncodedSentence {
  readonly ids: readonly number[];
  readonly labels: readonly number[];
  readonly source: TaggedSentence;
}

/** Sentences one after the other, `[1, N]`. */
interface PackedSentences {
  readonly ids: Tensor;
  readonly labels: Tensor;
  readonly lengths: readonly number[];
}

/** What a model says of tagged sentences. */
export interface TaggingEvaluation {
  /** In percent but for `loss`, in nats a token. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Tags that were found, in the order of the sentences. */
  readonly tags: readonly (readonly string[])[];
}

function pack(sentences: readonly EncodedSentence[], device: Device): PackedSentences {
  const row = (all: readonly number[]): Tensor => tensor(all, [1, all.length], { dtype: 'int32', device });
  return {
    ids: row(sentences.flatMap(({ ids }) => ids)),
    labels: row(sentences.flatMap(({ labels }) => labels)),
    lengths: sentences.map(({ ids }) => ids.length),
  };
}

/** Sentences as ids; a tag that training has not seen is a problem of the file. */
export function encodeSentences(
  sentences: readonly TaggedSentence[],
  { source, target }: Tokenizers,
  file: string,
): EncodedSentence[] {
  const names = tagNames(target);
  const ids = new Map([...names].map(([id, name]) => [name, id]));
  const problems = new ProblemList(file, `known from training are ${[...ids.keys()].join(', ')}`);
  const encoded = sentences.map((sentence) => ({
    ids: sentence.tokens.map((token) => tokenId(source, token)),
    labels: sentence.tags.map((tag, i) => {
      const id = ids.get(tag);
      if (id === undefined)
        problems.add(sentence.line + i, `expected a tag of the training data, got "${tag}"`);
      return id ?? 0;
    }),
    source: sentence,
  }));
  problems.throwIfAny();
  return encoded;
}

/** Loss, accuracy and, where tags stand for spans, precision, recall and F1 of spans. */
export function evaluateTagging(
  model: TaggingModel,
  target: Tokenizers['target'],
  sentences: readonly EncodedSentence[],
  maxTokens: number,
): TaggingEvaluation {
  const names = tagNames(target);
  const tags: string[][] = [];
  let [loss, tokens] = [0, 0];
  for (const places of batchesOf(sentences, maxTokens, { seed: 0, epoch: 0, shuffle: false })) {
    const own = places.map((place) => sentences[place]!);
    noGrad(() =>
      scope(() => {
        const { ids, labels, lengths } = pack(own, model.device);
        const logits = model.forward(ids, lengths);
        loss += sumOf(crossEntropy(logits, labels));
        tokens += ids.size;
        const found = splitByLengths(likeliestTags(logits.data, logits.shape[2]!, names), lengths);
        for (const [i, place] of places.entries()) tags[place] = found[i]!;
      }),
    );
  }
  const right = sentences.map(({ source }) => source.tags);
  const { accuracy, ...spans } = taggingScores(tags, right);
  return {
    metrics: { loss: loss / tokens, accuracy, ...(areSpanTags(names.values()) && spans) },
    tags,
  };
}

function batchesOf(
  sentences: readonly EncodedSentence[],
  maxTokens: number,
  order: { readonly seed: number; readonly epoch: number; readonly shuffle: boolean },
): number[][] {
  const lengths = sentences.map(({ ids }) => ({ source: ids.length, target: 0 }));
  return packedBatches(lengths, { maxTokens, ...order });
}

type Part = 'train' | 'validation' | 'test';

/** A tagging model and its sentences. */
class TaggingTask implements TrainingTask {
  readonly model: TaggingModel;
  readonly tokenizers: TrainingTask['tokenizers'];
  readonly description: TrainingTask['description'];
  private readonly experiment: TaggingExperiment;
  private readonly parts: Readonly<Record<Part, readonly EncodedSentence[]>>;

  constructor(
    experiment: TaggingExperiment,
    prepared: PreparedModel<TaggingModel>,
    parts: Readonly<Record<Part, readonly EncodedSentence[]>>,
  ) {
    this.experiment = experiment;
    this.model = prepared.model;
    this.tokenizers = prepared.tokenizers;
    this.description = prepared.description;
    this.parts = parts;
  }

  get device(): Device {
    return this.model.device;
  }

  get trainExamples(): number {
    return this.parts.train.length;
  }

  epoch(epoch: number): EpochBatches {
    const { data, training } = this.experiment;
    const { train } = this.parts;
    const batches = batchesOf(train, data.maxTokens, { seed: training.seed, epoch, shuffle: true });
    return {
      count: batches.length,
      batch: (place) => {
        const sentences = batches[place]!.map((at) => train[at]!);
        const tokens = sentences.reduce((n, { ids }) => n + ids.length, 0);
        const lossesOf = (): Tensor => {
          const { ids, labels, lengths } = pack(sentences, this.device);
          const { labelSmoothing } = training;
          return crossEntropy(this.model.forward(ids, lengths), labels, { labelSmoothing });
        };
        return {
          sourceTokens: tokens,
          targetTokens: tokens,
          trainOn: (total) => learnFrom(lossesOf, tokens, total),
        };
      },
    };
  }

  validate(): ValidationResult {
    const { validation } = this.parts;
    if (validation.length === 0) return { metrics: {}, badness: 0 };
    const { metrics } = this.evaluate(validation);
    const { selectBy } = this.experiment.evaluation;
    const value = metrics[selectBy];
    if (value === undefined) {
      throw new ConfigError({
        where: 'evaluation.selectBy',
        expected: `one of ${Object.keys(metrics).join(', ')}, because these tags stand for no spans`,
        got: `"${selectBy}"`,
      });
    }
    return { metrics, badness: selectBy === 'loss' ? value : -value };
  }

  test(onEvent: (event: TrainingEvent) => void): TestResult {
    const { test, validation } = this.parts;
    onEvent({ type: 'testing', examples: test.length });
    const shown = test.length > 0 ? test : validation;
    if (shown.length === 0) return { metrics: {}, samples: [] };
    const { metrics, tags } = this.evaluate(shown);
    const places = pickEvenly([...shown.keys()], this.experiment.evaluation.samples);
    const samples = places.map((place) => sampleOf(shown[place]!.source, tags[place]!));
    return { metrics: test.length > 0 ? metrics : {}, samples };
  }

  private evaluate(sentences: readonly EncodedSentence[]): TaggingEvaluation {
    return evaluateTagging(this.model, this.tokenizers.target, sentences, this.experiment.data.maxTokens);
  }
}

function sampleOf({ tokens, tags }: TaggedSentence, found: readonly string[]): SampleRecord {
  const [right, hypothesis] = [tags.join(' '), found.join(' ')];
  return {
    ...{ source: tokens.join(' '), references: [right], hypothesis, correct: right === hypothesis },
    score: taggingScores([found], [tags]).accuracy,
    ...{ sourceTokens: [], targetTokens: [], alignment: [], heads: [] },
  };
}

function readPart(
  data: TaggingSection,
  part: Part,
): { readonly file: string; readonly sentences: TaggedSentence[] } {
  const name = data[part];
  if (name === undefined) return { file: '', sentences: [] };
  const file = data.folder === undefined ? name : join(data.folder, name);
  const sentences = readConll(file, data);
  if (part === 'train' && sentences.length === 0)
    throw new DataError({ where: file, file, expected: 'sentences to train on', got: 'none' });
  return { file, sentences };
}

/** Every sentence must fit the model. */
function checkLengths(file: string, sentences: readonly TaggedSentence[], { maxSeqLen }: TaggingModel): void {
  const problems = new ProblemList(file, 'cut the sentence, or raise model.maxSeqLen');
  for (const { tokens, line } of sentences)
    if (tokens.length > maxSeqLen)
      problems.add(line, `expected a sentence of at most ${maxSeqLen} tokens, got ${tokens.length}`);
  problems.throwIfAny();
}

/**
 * Reads the sentences and makes vocabularies and model, fresh or from a checkpoint.
 *
 * @throws {DataError} when a file cannot be read as columns, or has a tag that training has not seen
 */
export function prepareTaggingTask(
  experiment: TaggingExperiment,
  checkpoint: Checkpoint | undefined,
  device: Device,
  onEvent: (event: TrainingEvent) => void,
): TrainingTask {
  const read = (part: Part) => readPart(experiment.data, part);
  const files = { train: read('train'), validation: read('validation'), test: read('test') };
  const examples = files.train.sentences.map(({ tokens, tags }) =>
    makeExample(tokens.join(' '), [tags.join(' ')]),
  );
  const prepared = prepareModel<TaggingModel>(
    experiment,
    {
      learnTokenizers: () => buildTokenizers(experiment, examples),
      sizes: ({ source, target }) => ({ vocabSize: source.vocabSize, numTags: target.vocabSize }),
      build: buildTaggingModel,
    },
    checkpoint,
    device,
    (text) => onEvent({ type: 'note', text }),
  );
  const encode = (part: Part): EncodedSentence[] => {
    const { file, sentences } = files[part];
    checkLengths(file, sentences, prepared.model);
    return encodeSentences(sentences, prepared.tokenizers, file);
  };
  const parts = { train: encode('train'), validation: encode('validation'), test: encode('test') };
  return new TaggingTask(experiment, prepared, parts);
}
