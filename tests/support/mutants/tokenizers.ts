/** Bugs in the learning and cutting of tokenizers. */
import { MetaspaceBpeTokenizer } from '../../../src/tokenizers/bpe.ts';
import { BpeModel } from '../../../src/tokenizers/bpe-model.ts';
import { Lattice } from '../../../src/tokenizers/lattice.ts';
import { PairCounts } from '../../../src/tokenizers/pair-counts.ts';
import { LikelihoodSelection } from '../../../src/tokenizers/pair-selection.ts';
import {
  dropoutMergesLess,
  expectedCountsAreThoseOfAllSplits,
  likelihoodNeverFalls,
  mergesAreThoseOfCountingAgain,
  spacesAndMarksComeBack,
  viterbiIsTheBestOfAllSplits,
} from '../checks/tokenizers.ts';
import { type Mutant, patch } from './mutant.ts';

interface LatticeParts {
  backward(): Float64Array;
}

interface Splitter {
  split(text: string): readonly { readonly text: string; readonly start: number }[];
}

const merging: readonly Mutant[] = [
  {
    name: 'pairs that a merge has broken up keep their counts',
    mutate: () =>
      patch(
        PairCounts.prototype,
        'merge',
        (real) =>
          function (this: PairCounts, key, merged) {
            const changes = real.call(this, key, merged);
            for (const [pair, change] of changes) {
              if (change < 0) this.pairs.set(pair, (this.pairs.get(pair) ?? 0) - change);
            }
            return changes;
          },
      ),
    caughtBy: mergesAreThoseOfCountingAgain,
  },
  {
    name: 'likelihood scores that are not rated again when their pieces are used up',
    mutate: () =>
      patch(
        LikelihoodSelection.prototype,
        'update',
        (real) =>
          function (this: LikelihoodSelection, key, merged, changes) {
            const rising = new Map([...changes].filter(([, change]) => change > 0));
            if (rising.size > 0) real.call(this, key, merged, rising);
          },
      ),
    caughtBy: mergesAreThoseOfCountingAgain,
  },
  {
    name: 'BPE-dropout that drops nothing',
    mutate: () =>
      patch(
        BpeModel.prototype,
        'merge',
        (real) =>
          function (this: BpeModel, symbols) {
            return real.call(this, symbols);
          },
      ),
    caughtBy: dropoutMergesLess,
  },
];

const unigram: readonly Mutant[] = [
  {
    name: 'Viterbi over rounded log probabilities',
    mutate: () =>
      patch(
        Lattice.prototype,
        'best',
        (real) =>
          function (this: Lattice) {
            return real.call(this, Math.round);
          },
      ),
    caughtBy: viterbiIsTheBestOfAllSplits,
  },
  {
    name: 'expected counts that forget what follows a piece',
    mutate: () =>
      patch(
        Lattice.prototype as unknown as LatticeParts,
        'backward',
        (real) =>
          function (this: LatticeParts) {
            return real.call(this).fill(0);
          },
      ),
    caughtBy: expectedCountsAreThoseOfAllSplits,
  },
  {
    name: 'EM that counts every word once, however often it occurs',
    mutate: () =>
      patch(
        Lattice.prototype,
        'addExpected',
        (real) =>
          function (this: Lattice, _weight, expected) {
            return real.call(this, 1, expected);
          },
      ),
    caughtBy: likelihoodNeverFalls,
  },
];

const spaces: readonly Mutant[] = [
  {
    name: 'two spaces that become one',
    mutate: () =>
      patch(
        Object.getPrototypeOf(MetaspaceBpeTokenizer.prototype) as Splitter,
        'split',
        (real) =>
          function (this: Splitter, text) {
            return real.call(this, text.replace(/ {2}/g, ' '));
          },
      ),
    caughtBy: spacesAndMarksComeBack,
  },
];

export const tokenizerMutants: readonly Mutant[] = [...merging, ...unigram, ...spaces];
