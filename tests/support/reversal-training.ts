/** Training of encoder–decoder models on strings that are to be said backwards, and what it led to. */
import type { TokenPair } from '../../src/data/batching.ts';
import { Translator } from '../../src/generate/translator.ts';
import type { EncoderDecoder } from '../../src/models/encoder-decoder.ts';
import { Adam } from '../../src/train/adam.ts';
import { clipFactor, gradientNorm } from '../../src/train/clip.ts';
import { learningRateAt } from '../../src/train/schedules.ts';
import { epochBatches, makeBatch, Seq2SeqObjective } from '../../src/train/seq2seq.ts';
import { encodePairs, letterTokenizers, reversedStrings } from './reversed-strings.ts';

export interface ReversalTask {
  readonly shortest: number;
  readonly longest: number;
  /** Strings to learn from. */
  readonly count: number;
  readonly steps: number;
  readonly learningRate: number;
}

/** Trains a model; the same seed draws the same strings in the same order. */
export function trainOnReversal(model: EncoderDecoder, task: ReversalTask): EncoderDecoder {
  const tokenizers = letterTokenizers();
  const pairs = encodePairs(reversedStrings(task.count, { seed: 8, ...task }), tokenizers);
  trainOnPairs(model, pairs, task);
  return model.eval();
}

function trainOnPairs(model: EncoderDecoder, pairs: readonly TokenPair[], task: ReversalTask): void {
  const tokenizers = letterTokenizers();
  const objective = new Seq2SeqObjective(model, { padId: 0, labelSmoothing: 0 });
  const adam = new Adam(model.namedParameters());
  const { learningRate, steps } = task;
  let step = 0;
  for (let epoch = 0; step < steps; epoch++) {
    for (const places of epochBatches(pairs, { maxTokens: 512 }, { seed: 1, epoch, shuffle: true })) {
      if (step++ === steps) break;
      const batch = makeBatch(
        places.map((place) => pairs[place]!),
        tokenizers,
      );
      objective.trainOn(batch, batch.targetTokens);
      const clip = clipFactor(gradientNorm(model.parameters()), 1);
      const rates = { learningRate, warmupSteps: 50, finalRate: 0.05, dModel: 64 };
      adam.step(learningRateAt('cosine', { step, done: step / steps }, rates), clip);
      model.zeroGrad();
    }
  }
}

/** Share of unseen strings of one length that come out right, to the last letter. */
export function shareReversed(model: EncoderDecoder, length: number, count: number): number {
  const strings = reversedStrings(count, { seed: 99, shortest: length, longest: length });
  const translator = new Translator(model, letterTokenizers());
  const found = translator.translate(strings.map(({ source }) => source));
  return found.filter(({ text }, i) => text === strings[i]!.target).length / count;
}

/** Mean weight that output t gives to the letter that it has to say, over unseen strings that came out right. */
export function antiDiagonalWeight(model: EncoderDecoder, length: number, count: number): number {
  const strings = reversedStrings(count, { seed: 98, shortest: length, longest: length });
  const translator = new Translator(model, letterTokenizers());
  const found = translator.translate(
    strings.map(({ source }) => source),
    { alignments: true },
  );
  const right = found.filter(({ text }, i) => text === strings[i]!.target);
  const own = right.map(({ alignment }) => {
    const { weights } = alignment!;
    let total = 0;
    for (let t = 0; t < length; t++) total += weights[t]![length - 1 - t]!;
    return total / length;
  });
  return own.reduce((a, b) => a + b, 0) / own.length;
}
