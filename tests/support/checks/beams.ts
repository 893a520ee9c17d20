/** What a beam search must do on trees of tokens that are small enough to be listed whole. */
import { expect } from 'vitest';
import { beamSearch } from '../../../src/generate/beam.ts';
import { expectClose } from '../compare.ts';
import { enumerate, type NextLogits, randomTree, TreeSession } from '../tree-session.ts';

/** Scores of a beam as wide as the tree against all texts there are. */
export function beamScoresOfAllTexts(): void {
  const next = randomTree(4, 3);
  const all = enumerate(next, { bos: 0, eos: 1, maxNewTokens: 3, alpha: 0 });
  const options = { bos: 0, eos: 1, maxNewTokens: 3, beamSize: 27, nBest: 27, lengthPenalty: 1 };
  const penalised = all.map(
    ({ tokens, complete, logProb }) => logProb / ((5 + tokens.length + Number(complete)) / 6),
  );
  const found = beamSearch(new TreeSession(next), options)[0]!.map(({ score }) => score);
  expectClose(
    found,
    penalised.toSorted((x, y) => y - x),
    { rtol: 1e-10, atol: 1e-12 },
  );
}

/** The likeliest text ends after two tokens. */
export function likeliestTextEnds(): void {
  const next: NextLogits = (prefix) => (prefix.length < 3 ? [0, 0, 9] : [0, 9, 0]);
  const options = { bos: 0, eos: 1, maxNewTokens: 8, beamSize: 2, nBest: 1 };
  expect(beamSearch(new TreeSession(next), options)[0]![0]).toMatchObject({
    tokens: [2, 2],
    complete: true,
  });
}

export function forbiddenNeverComes(): void {
  const options = { bos: 0, eos: 1, maxNewTokens: 4, beamSize: 3, nBest: 3, forbidden: [2] };
  for (const { tokens } of beamSearch(new TreeSession(() => [0, 0, 9, 1]), options)[0]!)
    expect(tokens).not.toContain(2);
}
