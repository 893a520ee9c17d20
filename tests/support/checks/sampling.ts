/** What any right sampling does; each check throws when it does not. */
import { expect } from 'vitest';
import { type SampleOptions, sampleSearch } from '../../../src/generate/sample.ts';
import { countsOf, expectDrawnFrom } from '../chi-square.ts';
import { enumerate, type NextLogits, randomTree, TreeSession } from '../tree-session.ts';

const [bos, eos] = [0, 1];
const options = { bos, eos, maxNewTokens: 3 };

/** How the logits of one step are changed before a token is drawn: written apart, with sorting and sums in the open. */
export type SlowChange = (logits: readonly number[]) => number[];

const probabilitiesOf = (logits: readonly number[]): number[] => {
  const powers = logits.map((x) => Math.exp(x));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((x) => x / total);
};

/** Leaves the ids that `keeps` says, of the list from the likeliest to the least likely. */
const slowCut =
  (keeps: (probs: readonly number[]) => number): SlowChange =>
  (logits) => {
    const order = logits.map((_, id) => id).sort((a, b) => logits[b]! - logits[a]!);
    const probs = probabilitiesOf(order.map((id) => logits[id]!));
    const kept = new Set(order.slice(0, keeps(probs)));
    return logits.map((x, id) => (kept.has(id) ? x : Number.NEGATIVE_INFINITY));
  };

const nucleusSize =
  (p: number) =>
  (probs: readonly number[]): number => {
    let mass = 0;
    return 1 + probs.findIndex((prob) => (mass += prob) >= p);
  };

const cases: readonly (readonly [Partial<SampleOptions>, SlowChange])[] = [
  [{}, (logits) => [...logits]],
  [{ temperature: 0.5 }, (logits) => logits.map((x) => x / 0.5)],
  [{ temperature: 2, topK: 3 }, (logits) => slowCut(() => 3)(logits.map((x) => x / 2))],
  [{ topP: 0.7 }, slowCut(nucleusSize(0.7))],
  [{ minP: 0.3 }, slowCut((probs) => probs.filter((p) => p >= 0.3 * probs[0]!).length)],
  [{ topK: 4, topP: 0.6 }, (logits) => slowCut(nucleusSize(0.6))(slowCut(() => 4)(logits))],
];

/** Whole texts come as often as the product of their tokens' changed probabilities says. */
export function drawsFollowTheProbabilities(draws = 3000): void {
  const tree: NextLogits = (prefix, text) => randomTree(5, 5)(prefix, text).map((x) => x / 2);
  for (const [given, change] of cases) {
    const changed: NextLogits = (prefix, text) => change(tree(prefix, text));
    const possible = enumerate(changed, { ...options, alpha: 0 });
    const exact = new Map(
      possible
        .filter(({ logProb }) => logProb > Number.NEGATIVE_INFINITY)
        .map(({ tokens, complete, logProb }) => [`${tokens} ${complete}`, Math.exp(logProb)]),
    );
    const session = new TreeSession(tree);
    const [drawn] = sampleSearch(session, { ...options, ...given, nBest: draws, seed: 7 });
    const counts = countsOf(drawn!.map(({ tokens, complete }) => `${tokens} ${complete}`));
    expectDrawnFrom(counts, exact, JSON.stringify(given));
  }
}

/** A text is drawn alike alone and beside others, and two texts of one batch do not draw the same numbers. */
export function drawsDoNotDependOnTheBatch(): void {
  const tree: NextLogits = (prefix) => randomTree(5, 6)(prefix, 0);
  const sample = (streams: readonly number[]) => {
    const session = new TreeSession(tree, streams.length);
    const found = sampleSearch(session, { ...options, maxNewTokens: 8, seed: 3, streams });
    return found.map(([best]) => best!.tokens.join());
  };
  const streams = Array.from({ length: 20 }, (_, i) => i);
  const together = sample(streams);
  const reversed = sample(streams.toReversed()).toReversed();
  expect(reversed).toEqual(together);
  expect(streams.flatMap((stream) => sample([stream]))).toEqual(together);
  expect(new Set(together).size).toBeGreaterThan(5);
}
