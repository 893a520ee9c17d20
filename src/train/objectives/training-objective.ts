/** What an update learns from a batch, as the section `training` says: cross-entropy, guesses of its own, drawn texts. */
import type { Device } from '../../core/device.ts';
import { Random } from '../../core/random.ts';
import type { Tokenizers } from '../../generate/translator.ts';
import { sentenceBleu } from '../../metrics/bleu.ts';
import type { EncoderDecoder } from '../../models/encoder-decoder.ts';
import type { Experiment } from '../config/schema.ts';
import type { TrainingSums } from '../learn.ts';
import { type PairBatch, Seq2SeqObjective } from '../seq2seq.ts';
import type { UpdatePlace } from '../task.ts';
import { reinforce, unpacked } from './reinforce.ts';
import { guessedShare, mixGuesses } from './scheduled-sampling.ts';

/** Streams of random numbers that are kept for a batch. */
const STREAMS = 2 ** 20;

/** Loss and gradients of a batch. */
export class TrainingObjective {
  private readonly model: EncoderDecoder;
  private readonly tokenizers: Tokenizers;
  private readonly training: Experiment['training'];
  private readonly teacherForcing: Seq2SeqObjective;

  constructor(model: EncoderDecoder, tokenizers: Tokenizers, training: Experiment['training']) {
    this.model = model;
    this.tokenizers = tokenizers;
    this.training = training;
    this.teacherForcing = new Seq2SeqObjective(model, {
      padId: tokenizers.target.specialTokens.pad,
      labelSmoothing: training.labelSmoothing,
    });
  }

  get device(): Device {
    return this.model.device;
  }

  /**
   * Adds the gradients of a batch to the parameters.
   *
   * @param totalTokens - target tokens of all batches of the update
   * @returns the sum of the cross-entropies, and what parts of the model measured
   */
  trainOn(batch: PairBatch, totalTokens: number, place: UpdatePlace): TrainingSums {
    const weight = this.training.reinforce?.weight ?? 0;
    if (weight > 0) this.reinforceOn(batch, weight / totalTokens, place);
    return this.teacherForcing.trainOn(this.mixed(batch, place), totalTokens, 1 - weight);
  }

  /** The batch with some of the model's own guesses among its inputs. */
  private mixed(batch: PairBatch, { step, batch: index, done }: UpdatePlace): PairBatch {
    const { scheduledSampling, seed } = this.training;
    if (!scheduledSampling) return batch;
    const share = guessedShare(scheduledSampling, done);
    const random = new Random(seed, `guesses/${step}/${index}`);
    return { ...batch, input: mixGuesses(this.model, batch.source, batch.input, share, random) };
  }

  private reinforceOn(batch: PairBatch, scale: number, { step, batch: index }: UpdatePlace): void {
    const { model, training } = this;
    const { source, target } = this.tokenizers;
    const { bos, eos } = target.specialTokens;
    const words = copiedWords(batch, target.vocabSize);
    const text = (tokens: readonly number[]): string => target.decode(tokens, { words });
    const references = unpacked(batch.labels).map((labels) => text(labels.slice(0, -1)));
    const limits = Array.from(batch.source.lengths, (length) =>
      Math.min(model.maxSeqLen - 1, 2 * length + 10),
    );
    const reward = (tokens: readonly number[], place: number): number =>
      sentenceBleu(text(tokens), [references[place]!]).score / 100;
    const options = {
      ids: { bos, eos, pad: source.specialTokens.pad },
      baseline: training.reinforce!.baseline,
      reward,
      limits,
      seed: training.seed,
      firstStream: (step * training.gradAccumSteps + index) * STREAMS,
    };
    reinforce(model, batch.source, options, scale);
  }
}

/** Names for the ids beyond the vocabulary: a score asks only which words are the same. */
function copiedWords({ source }: PairBatch, vocabSize: number): string[] {
  const ids = source.ids.reduce((most, id) => Math.max(most, id + 1), vocabSize);
  return Array.from({ length: ids - vocabSize }, (_, place) => `copied${place}`);
}
