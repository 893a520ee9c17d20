/** Training of a small model on pairs of ids, without a run folder. */
import type { TokenPair } from '../../src/data/batching.ts';
import type { Tokenizers } from '../../src/generate/translator.ts';
import type { EncoderDecoder } from '../../src/models/encoder-decoder.ts';
import { withDropoutKeys } from '../../src/nn/dropout-keys.ts';
import { Adam } from '../../src/train/adam.ts';
import { clipFactor, gradientNorm } from '../../src/train/clip.ts';
import { learningRateAt } from '../../src/train/schedules.ts';
import { epochBatches, makeBatch, Seq2SeqObjective } from '../../src/train/seq2seq.ts';

/** Trains in place and leaves the model ready to use; the mean loss of the last epoch's tokens, nats. */
export function trainOnPairs(
  model: EncoderDecoder,
  pairs: readonly TokenPair[],
  tokenizers: Tokenizers,
  steps: number,
  { learningRate = 0.005, maxTokens = 512 } = {},
): number {
  const padId = tokenizers.target.specialTokens.pad;
  const objective = new Seq2SeqObjective(model, { padId, labelSmoothing: 0 });
  const adam = new Adam(model.namedParameters());
  const schedule = { learningRate, warmupSteps: Math.floor(steps / 20), finalRate: 0.02, dModel: 1 };
  const batches = (epoch: number) =>
    epochBatches(pairs, { maxTokens }, { seed: 1, epoch, shuffle: true }).map((places) =>
      makeBatch(
        places.map((place) => pairs[place]!),
        tokenizers,
      ),
    );
  model.train();
  for (let step = 0, epoch = 0; step < steps; epoch++) {
    for (const batch of batches(epoch)) {
      if (step++ === steps) break;
      withDropoutKeys(1, step, () => objective.trainOn(batch, batch.targetTokens));
      const clip = clipFactor(gradientNorm(model.parameters()), 1);
      adam.step(learningRateAt('cosine', { step, done: step / steps }, schedule), clip);
      model.zeroGrad();
    }
  }
  adam.dispose();
  model.eval();
  const sums = batches(0).map((batch) => objective.evaluate(batch));
  return sums.reduce((t, { loss }) => t + loss, 0) / sums.reduce((t, { tokens }) => t + tokens, 0);
}
