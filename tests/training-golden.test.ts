/**
 * Ten updates in float64: two padded batches accumulated, label smoothing, clipping, the paper's schedule, Adam.
 *
 * The numbers come from outside: a NumPy implementation of the same model, written apart from this code, with
 * derivatives by complex steps (Squire & Trapp 1998), from the same first weights.
 */
import { expect, test } from 'vitest';
import { Adam } from '../src/train/adam.ts';
import { clipFactor, gradientNorm } from '../src/train/clip.ts';
import { learningRateAt } from '../src/train/schedules.ts';
import { makeBatch, Seq2SeqObjective } from '../src/train/seq2seq.ts';
import { expectClose } from './support/compare.ts';
import {
  encodePairs,
  letterTokenizers,
  reversedStrings,
  tinyTransformer,
} from './support/reversed-strings.ts';

const golden = {
  loss: [
    2.6860778671427346, 2.353554791401893, 2.1962173965853813, 2.091301002702725, 2.001912030983134,
    1.9829025617814144, 1.9640435687185636, 1.9138265366841356, 1.8387626836498474, 1.777660481826611,
  ],
  gradNorm: [
    1.3573026271979793, 1.3238995818036123, 0.7279928807134453, 0.5727904539165042, 0.3356582810879672,
    0.26155160318058185, 0.3765208363898229, 0.41905598835101543, 0.3651881995801342, 0.4458174104014364,
  ],
};

/** Losses and gradient norms of ten updates. */
function curve(seed: number): { loss: number[]; gradNorm: number[] } {
  const tokenizers = letterTokenizers();
  const pairs = encodePairs(reversedStrings(8, { seed: 2, shortest: 1, longest: 5 }), tokenizers);
  const batches = [makeBatch(pairs.slice(0, 5), tokenizers), makeBatch(pairs.slice(5), tokenizers)];
  const tokens = batches.reduce((sum, { targetTokens }) => sum + targetTokens, 0);
  const model = tinyTransformer({ seed }, { dModel: 8, dFf: 16 });
  const adam = new Adam(model.namedParameters());
  const objective = new Seq2SeqObjective(model, {
    padId: tokenizers.target.specialTokens.pad,
    labelSmoothing: 0.1,
  });
  const options = { learningRate: 0.5, warmupSteps: 4, finalRate: 0, dModel: 8 };
  const found = { loss: [] as number[], gradNorm: [] as number[] };
  for (let step = 1; step <= 10; step++) {
    const loss = batches.reduce((sum, batch) => sum + objective.trainOn(batch, tokens).loss, 0);
    const norm = gradientNorm(model.parameters());
    adam.step(learningRateAt('paper', { step, done: 0 }, options), clipFactor(norm, 1));
    model.zeroGrad();
    found.loss.push(loss / tokens);
    found.gradNorm.push(norm);
  }
  return found;
}

test('the losses and gradient norms of ten updates', () => {
  const { loss, gradNorm } = curve(1);
  expectClose(loss, golden.loss, { rtol: 1e-10, atol: 0 }, 'loss');
  expectClose(gradNorm, golden.gradNorm, { rtol: 1e-9, atol: 0 }, 'gradient norm');
});

test('the same seed gives the same bits, another seed another curve', () => {
  const first = curve(1);
  expect(curve(1)).toEqual(first);
  expect(curve(2).loss[0]).not.toBe(first.loss[0]);
});
