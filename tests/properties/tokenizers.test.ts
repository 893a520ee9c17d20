/** What is true of every tokenizer's learning and cutting, whatever the text. */
import { describe, it } from 'vitest';
import {
  dropoutMergesLess,
  likelihoodNeverFalls,
  mergesAreThoseOfCountingAgain,
  spacesAndMarksComeBack,
} from '../support/checks/tokenizers.ts';

describe('merges (B5)', () => {
  it(
    'are those of counting everything again, for both scores and any number a step (B7)',
    mergesAreThoseOfCountingAgain,
  );

  it('are passed over by dropout: none for 0, all for 1, and the text stays (B8)', dropoutMergesLess);
});

describe('the unigram language model (B8)', () => {
  it('explains its text no worse after a step of EM', likelihoodNeverFalls);
});

describe('bytes and the SentencePiece way (B6, B9)', () => {
  it('brings back double spaces, no spaces, written marks and unknown characters', spacesAndMarksComeBack);
});
