/**
 * Planted bugs: each must be seen by the check that is named for it, which passes on the real code. The checks
 * are the ones that the property tests run. A new bug is a row in tests/support/mutants.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attentionMutants } from './support/mutants/attention.ts';
import { blockMutants } from './support/mutants/blocks.ts';
import { decodingMutants } from './support/mutants/decoding.ts';
import { detectionMutants } from './support/mutants/detection.ts';
import { efficientMutants } from './support/mutants/efficient.ts';
import { gptMutants } from './support/mutants/gpt.ts';
import { languageModelMutants } from './support/mutants/language-models.ts';
import { layerMutants } from './support/mutants/layers.ts';
import { maskedMutants } from './support/mutants/masked.ts';
import { modelMutants } from './support/mutants/model.ts';
import type { Mutant } from './support/mutants/mutant.ts';
import { positionMutants } from './support/mutants/positions.ts';
import { quantizeMutants } from './support/mutants/quantize.ts';
import { recurrentMutants } from './support/mutants/recurrent.ts';
import { structureMutants } from './support/mutants/structure.ts';
import { taggingMutants } from './support/mutants/tagging.ts';
import { tokenizerMutants } from './support/mutants/tokenizers.ts';

// One seed, so that a bug is caught in every run or in none; the properties draw a new one each time.
fc.configureGlobal({ seed: 20_170_612, endOnFailure: true });

const mutants: readonly Mutant[] = [
  ...attentionMutants,
  ...efficientMutants,
  ...positionMutants,
  ...languageModelMutants,
  ...layerMutants,
  ...blockMutants,
  ...modelMutants,
  ...gptMutants,
  ...maskedMutants,
  ...quantizeMutants,
  ...decodingMutants,
  ...tokenizerMutants,
  ...recurrentMutants,
  ...structureMutants,
  ...taggingMutants,
  ...detectionMutants,
];

/** Whether an assertion failed, and not the code: a bug that throws by itself needs no test. */
function isAssertion(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause.name === 'AssertionError') return true;
  }
  return false;
}

function errorOf(body: () => void): unknown {
  try {
    body();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('the checks pass on the real code', () => {
  const checks = new Map(mutants.map(({ caughtBy }) => [caughtBy.name, caughtBy]));
  it.each([...checks])('%s', (_, check) => check());
});

describe('each planted bug is caught', () => {
  it.each(mutants.map((mutant): [string, string, Mutant] => [mutant.name, mutant.caughtBy.name, mutant]))(
    '%s, by %s',
    (_name, _check, { mutate, caughtBy }) => {
      const restore = mutate();
      let error: unknown;
      try {
        error = errorOf(caughtBy);
      } finally {
        restore();
      }
      expect(error, 'the bug was not seen').toBeDefined();
      expect(isAssertion(error), `not an assertion: ${String(error)}`).toBe(true);
    },
  );

  it('and all of them are gone again', { timeout: 300_000 }, () => {
    const checks = new Set(mutants.map(({ caughtBy }) => caughtBy));
    for (const check of checks) check();
  });

  it('under a name of its own', () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
    expect(mutants.length).toBeGreaterThanOrEqual(24);
  });
});
