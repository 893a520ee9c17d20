/** Training of encoder–decoder models on strings that are to be said backwards, and what it led to. */
import { Translator } from '../../src/generate/translator.ts';
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
export function trainOnReversal(model: EncoderDecoder, task: ReversalTask): EncoderDecoder {
  const tokenizers = letterTokenizers();
  const pairs = encodePairs(reversedStrings(task.count, { seed: 8, ...task }), tokenizers);
  trainOnPairs(model, pairs, tokenizers, task.steps, { learningRate: task.learningRate });
  return model;
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
