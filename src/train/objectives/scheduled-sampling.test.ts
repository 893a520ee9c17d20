import { describe, expect, test } from 'vitest';
import { checkedGuesses, shareOfZeroChangesNothing } from '../../../tests/support/checks/objectives.ts';
import { guessedShare, samplingGrowths } from './scheduled-sampling.ts';

describe('scheduled sampling (J7)', () => {
  test('a share of 0 is teacher forcing to the bit, dropout included', () => shareOfZeroChangesNothing());
  test('a share of p replaces p of the tokens by what the model says before them, never the begin token', () =>
    checkedGuesses());

  test('the share grows from the first value to the last', () => {
    for (const schedule of samplingGrowths) {
      const options = { schedule, from: 0.1, to: 0.6 };
      const shares = Array.from({ length: 101 }, (_, i) => guessedShare(options, i / 100));
      expect(shares[0]).toBeCloseTo(0.1, 12);
      expect(shares[100]).toBeCloseTo(0.6, 12);
      expect(shares.slice(1).every((share, i) => share > shares[i]!)).toBe(true);
    }
    const half = (schedule: 'linear' | 'exponential' | 'inverseSigmoid') =>
      guessedShare({ schedule, from: 0, to: 1 }, 0.25);
    expect(half('linear')).toBe(0.25);
    expect(half('exponential')).toBeGreaterThan(0.6);
    expect(half('inverseSigmoid')).toBeLessThan(0.1);
  });
});
