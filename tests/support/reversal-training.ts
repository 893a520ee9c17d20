/** Training of encoder–decoder models on strings that are to be said backwards, and what it led to. */
import { Translator } from '../../src/generate/translator.ts';
import { Random, RecurrentSeq2Seq, type RecurrentSeq2SeqConfig } from '../../src/index.ts';
import type { EncoderDecoder } from '../../src/models/encoder-decoder.ts';
import { encodePairs, letterTokenizers, reversedStrings } from './reversed-strings.ts';
import { trainOnPairs } from './train-pairs.ts';

export interface ReversalTask {
  readonly shortest: number;
  readonly longest: number;
  /** Strings to learn from. */
  readonly count: number;
  readonly steps: number;
  readonly learningRate: number;
}

/** Trains a model; the same seed draws the same strings in the same order. */
export function trainOnReversal<M extends EncoderDecoder>(model: M, task: ReversalTask, seed = 1): M {
  const tokenizers = letterTokenizers();
  const pairs = encodePairs(reversedStrings(task.count, { ...task, seed: 7 + seed }), tokenizers);
  const { steps, learningRate } = task;
  trainOnPairs(model, pairs, tokenizers, steps, { learningRate, training: { seed } });
  return model;
}

/** A recurrent encoder–decoder of one layer of 64, trained. */
export function recurrentReversal(
  config: Partial<RecurrentSeq2SeqConfig>,
  task: ReversalTask,
  seed = 1,
): RecurrentSeq2Seq {
  const vocabSize = letterTokenizers().source.vocabSize;
  const sizes = {
    sourceVocabSize: vocabSize,
    targetVocabSize: vocabSize,
    dModel: 64,
    numLayers: 1,
    dropout: 0,
  };
  const context = { random: new Random(seed, 'init'), device: 'native' };
  return trainOnReversal(new RecurrentSeq2Seq({ ...sizes, ...config }, context), task, seed);
}

/** Strings on which attention has learned where to look; long enough that chance is far away. */
export const alignmentTask = { shortest: 3, longest: 8, count: 4000, steps: 700, learningRate: 0.005 };
/** Strings long enough that one vector does not hold them. */
export const lengthTask = { shortest: 2, longest: 14, count: 8000, steps: 900, learningRate: 0.005 };

/** The share of right strings when every letter is drawn: one of eight for each place. */
export const drawnShare = (length: number): number => 8 ** -length;

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
