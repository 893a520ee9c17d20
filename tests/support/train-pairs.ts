/** Training of a small model on pairs of ids, without a run folder. */
import type { TokenPair } from '../../src/data/batching.ts';
import type { Tokenizers } from '../../src/generate/translator.ts';
import type { EncoderDecoder } from '../../src/models/encoder-decoder.ts';
import { withDropoutKeys } from '../../src/nn/dropout-keys.ts';
import { Adam } from '../../src/train/adam.ts';
import { clipFactor, gradientNorm } from '../../src/train/clip.ts';
import type { Experiment } from '../../src/train/config/schema.ts';
import { validateExperiment } from '../../src/train/config/validate.ts';
import { TrainingObjective } from '../../src/train/objectives/training-objective.ts';
import { learningRateAt } from '../../src/train/schedules.ts';
import { epochBatches, makeBatch, type PairBatch, Seq2SeqObjective } from '../../src/train/seq2seq.ts';

/** The section `training` of an experiment with these fields. */
export function trainingWith(fields: object): Experiment['training'] {
  const data = { train: { format: 'tsv', path: 'x' }, maxSourceLength: 8, maxTargetLength: 8 };
  const file = { name: 'x', data, tokenizer: { shared: { kind: 'char' } }, model: {} };
  return validateExperiment({ ...file, training: { maxSteps: 1, ...fields } }).training;
}

/** The batches of an epoch. */
export function batchesOf(
  pairs: readonly TokenPair[],
  tokenizers: Tokenizers,
  maxTokens: number,
  order: Parameters<typeof epochBatches>[2],
): PairBatch[] {
  return epochBatches(pairs, { maxTokens }, order).map((places) =>
    makeBatch(
      places.map((place) => pairs[place]!),
      tokenizers,
    ),
  );
}

/**
 * Trains in place and leaves the model ready to use.
 *
 * @param options - `training`: fields that say what an update learns from a batch, and the seed
 */
export function trainOnPairs(
  model: EncoderDecoder,
  pairs: readonly TokenPair[],
  tokenizers: Tokenizers,
  steps: number,
  { learningRate = 0.005, maxTokens = 512, training = {} } = {},
): void {
  const section = trainingWith({ labelSmoothing: 0, ...training });
  const { seed } = section;
  const objective = new TrainingObjective(model, tokenizers, section);
  const adam = new Adam(model.namedParameters());
  const schedule = { learningRate, warmupSteps: Math.floor(steps / 20), finalRate: 0.02, dModel: 1 };
  const batches = (epoch: number) => batchesOf(pairs, tokenizers, maxTokens, { seed, epoch, shuffle: true });
  model.train();
  for (let step = 0, epoch = 0; step < steps; epoch++) {
    for (const batch of batches(epoch)) {
      if (step++ === steps) break;
      const place = { step, batch: 0, done: step / steps };
      withDropoutKeys(seed, step, () => objective.trainOn(batch, batch.targetTokens, place));
      const clip = clipFactor(gradientNorm(model.parameters()), 1);
      adam.step(learningRateAt('cosine', place, schedule), clip);
      model.zeroGrad();
    }
  }
  adam.dispose();
  model.eval();
}

/** The mean loss of the tokens of pairs, nats, without label smoothing. */
export function meanLoss(
  model: EncoderDecoder,
  pairs: readonly TokenPair[],
  tokenizers: Tokenizers,
  maxTokens = 512,
): number {
  const padId = tokenizers.target.specialTokens.pad;
  const teacherForcing = new Seq2SeqObjective(model, { padId, labelSmoothing: 0 });
  const batches = batchesOf(pairs, tokenizers, maxTokens, { seed: 1, epoch: 0, shuffle: false });
  const sums = batches.map((batch) => teacherForcing.evaluate(batch));
  return sums.reduce((t, { loss }) => t + loss, 0) / sums.reduce((t, { tokens }) => t + tokens, 0);
}
