/**
 * Scheduled sampling: in training, some tokens that the decoder is given are its own guesses and not the right ones,
 * as it will be in decoding.
 *
 * A Transformer guesses all tokens in a first pass with teacher forcing and learns from a second one over the mixture.
 *
 * Papers: Bengio et al. 2015, https://arxiv.org/abs/1506.03099 (the schedules); Mihaylova & Martins 2019,
 * https://arxiv.org/abs/1906.07651 (two passes).
 */
import type { Random } from '../../core/random.ts';
import { scope } from '../../core/scope.ts';
import { noGrad } from '../../core/tape.ts';
import type { EncoderDecoder, PackedSequences } from '../../models/encoder-decoder.ts';
import { argmax } from '../../ops/reduce/max.ts';

/** How the share of guesses grows with the training: names of curves from 0 to 1. */
const growths = {
  linear: (done: number) => done,
  /** `1 − kᵈ`, fast at first. */
  exponential: (done: number) => (1 - Math.exp(-5 * done)) / (1 - Math.exp(-5)),
  /** Slow at both ends. */
  inverseSigmoid: (done: number) => {
    const logistic = (x: number): number => 1 / (1 + Math.exp(-10 * (x - 0.5)));
    return (logistic(done) - logistic(0)) / (logistic(1) - logistic(0));
  },
} as const;

/** Names of the curves. */
export type SamplingGrowth = keyof typeof growths;
export const samplingGrowths = Object.keys(growths) as SamplingGrowth[];

/** How often a guess stands in for the right token. */
export interface ScheduledSamplingOptions {
  readonly schedule: SamplingGrowth;
  /** Share at the start and at the end, 0 … 1. */
  readonly from: number;
  readonly to: number;
}

/** The share of guesses when that much of the training is over, 0 … 1. */
export function guessedShare({ schedule, from, to }: ScheduledSamplingOptions, done: number): number {
  return from + (to - from) * growths[schedule](done);
}

/**
 * Decoder inputs of which a share are the model's own guesses; the begin token stays.
 *
 * The first pass runs without dropout and without gradients, so that a share of 0 changes nothing at all.
 *
 * @param input - the right tokens, shifted right
 */
export function mixGuesses(
  model: EncoderDecoder,
  source: PackedSequences,
  input: PackedSequences,
  share: number,
  random: Random,
): PackedSequences {
  if (share === 0) return input;
  const wasTraining = model.training;
  model.eval();
  const guesses = noGrad(() => scope(() => Int32Array.from(argmax(model.forwardPacked(source, input)).data)));
  model.train(wasTraining);
  const ids = input.ids.slice();
  let start = 0;
  for (let n = 0; n < input.lengths.length; n++) {
    const end = start + input.lengths[n]!;
    for (let i = start + 1; i < end; i++) if (random.uniform() < share) ids[i] = guesses[i - 1]!;
    start = end;
  }
  return { ids, lengths: input.lengths };
}
