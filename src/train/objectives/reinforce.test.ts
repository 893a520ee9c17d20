import { expect, test } from 'vitest';
import { drawnGradientIsTheExactOne } from '../../../tests/support/checks/objectives.ts';
import {
  encodePairs,
  letterTokenizers,
  reversedStrings,
  tinyTransformer,
} from '../../../tests/support/reversed-strings.ts';
import { makeBatch } from '../seq2seq.ts';
import { reinforce } from './reinforce.ts';

test('the mean of drawn gradients is the exact gradient of the expected reward (J8)', () =>
  drawnGradientIsTheExactOne());

test('a text that is rewarded becomes likelier than the greedy one, and dropout stays as it was (J8)', () => {
  const tokenizers = letterTokenizers();
  const { bos, eos, pad } = tokenizers.target.specialTokens;
  const model = tinyTransformer({}, { dropout: 0.1 }).train();
  const { source } = makeBatch(encodePairs(reversedStrings(4), tokenizers), tokenizers);
  const limits = [5, 5, 5, 5];
  const options = { ids: { bos, eos, pad }, baseline: 'selfCritical' as const, limits, seed: 1 };
  const share = (tokens: readonly number[]): number => tokens.filter((id) => id === 7).length / 5;
  const results = Array.from({ length: 60 }, (_, step) => {
    const result = reinforce(model, source, { ...options, reward: share, firstStream: 4 * step }, 1 / 4);
    for (const parameter of model.parameters()) {
      if (!parameter.grad) continue;
      for (let i = 0; i < parameter.size; i++) parameter.data[i]! -= 0.3 * parameter.grad.data[i]!;
    }
    model.zeroGrad();
    return result.reward;
  });
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  expect(mean(results.slice(-10))).toBeGreaterThan(0.3 + mean(results.slice(0, 10)));
  expect(model.training).toBe(true);
});
