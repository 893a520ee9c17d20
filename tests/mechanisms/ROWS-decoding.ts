/** Decoding beyond one token at a time, and training beyond teacher forcing. */
import type { Mechanism } from './mechanism.ts';

const sampling = {
  file: 'src/generate/sampling/processors.ts',
  test: 'src/generate/sampling/sampling.test.ts',
};
const parallel = { file: 'src/generate/parallel/verify.ts', test: 'src/generate/parallel/parallel.test.ts' };
const nat = { file: 'src/models/non-autoregressive.ts', test: 'tests/non-autoregressive.test.ts' };

export const rows: readonly Mechanism[] = [
  {
    id: 'K4',
    name: 'Sampling: temperature, top-k, nucleus, min-p, typical, cut-offs, penalties',
    ...sampling,
    verification:
      'logits against recorded ones; counts of whole texts against enumerated probabilities by χ²; the nucleus is minimal; T → 0 is greedy',
  },
  {
    id: 'K8',
    name: 'Degeneration diagnostics',
    file: 'src/metrics/degeneration.ts',
    verification:
      'distinct-n, repeat rate and self-BLEU against counting in the open and by hand; beam search repeats more bigrams than draws do',
    test: 'src/metrics/degeneration.test.ts',
    more: ['tests/long/degeneration.test.ts'],
  },
  {
    id: 'I19',
    name: 'Blockwise, speculative and Jacobi decoding',
    ...parallel,
    verification:
      'token-identical to greedy on 1000 prompts with fewer passes; a trained model is called less often; drafted and drawn texts of a model with its caches against its exact probabilities by χ²; the loss of heads for later tokens equals loops over the labels',
    more: ['src/generate/parallel/blockwise.test.ts'],
  },
  {
    id: 'K7',
    name: 'Parallel decoding as an option',
    file: 'src/generate/decode-batch.ts',
    verification:
      'heed translate gives the lines of greedy decoding with Jacobi, with a worse model that drafts and with trained heads; heed generate as well',
    test: 'tests/cli/decoding.test.ts',
    more: ['tests/cli/generate.test.ts'],
  },
  {
    id: 'I17',
    name: 'Non-autoregressive Transformer, length predicted or cut at the end token',
    ...nat,
    verification:
      'texts against a slow search over places and lengths; behind tokens in turn where two answers are right, on new sources, and not where one is, both lengths, three seeds',
    more: ['tests/long/multi-modality.test.ts'],
  },
  {
    id: 'K6',
    name: 'Decoding in a single pass',
    file: 'src/models/write-in-parallel.ts',
    verification: 'passes of the decoder are counted: one',
    test: nat.test,
  },
  {
    id: 'I18',
    name: 'Mask-predict',
    ...nat,
    verification:
      'passes are counted; hidden tokens see the shown ones on both sides; every further pass mixes two right answers less; four passes stand between all tokens at once and token by token, three seeds',
    more: ['tests/long/mask-predict.test.ts'],
  },
  {
    id: 'J16',
    name: 'Sequence-level distillation',
    file: 'src/train/distill.ts',
    verification:
      'targets are what the teacher translates; a student of it comes closer to tokens in turn than one that learns both answers',
    test: nat.test,
    more: ['tests/cli/decoding.test.ts', 'tests/long/multi-modality.test.ts'],
  },
  {
    id: 'J7',
    name: 'Scheduled sampling in two passes',
    file: 'src/train/objectives/scheduled-sampling.ts',
    verification:
      'a share of 0 is teacher forcing to the bit; guesses against the likeliest token after each prefix alone; better recovery from a wrong token on strings that the source tells, none where only the last token does',
    test: 'src/train/objectives/scheduled-sampling.test.ts',
    more: ['tests/long/objectives.test.ts'],
  },
  {
    id: 'J8',
    name: 'REINFORCE with a self-critical baseline',
    file: 'src/train/objectives/reinforce.ts',
    verification:
      'the mean of drawn gradients against the exact one from all texts of two tokens, in standard errors; BLEU rises over its start by rewards alone, and not by rewards for the texts of others',
    test: 'src/train/objectives/reinforce.test.ts',
    more: ['tests/long/objectives.test.ts'],
  },
  {
    id: 'J14',
    name: 'Early stopping, weight decay, threshold tuning',
    file: 'src/metrics/threshold.ts',
    verification:
      'a run ends after `patience` validations without improvement and keeps the best; a hundred steps with decay equal PyTorch’s, only matrices decay; no other threshold has a better F1 or accuracy, from their definitions; tuned on validation it finds rare events of a test set',
    test: 'src/metrics/threshold.test.ts',
    more: ['src/train/trainer.test.ts', 'src/train/adam.test.ts', 'tests/examples.test.ts'],
  },
  {
    id: 'J15',
    name: 'Span corruption',
    file: 'src/data/span-corruption.ts',
    verification:
      'source and target together are the text, other spans in every epoch; a model trained through `data.corruption` fills spans of a held-out text',
    test: 'src/data/span-corruption.test.ts',
    more: ['tests/span-training.test.ts'],
  },
];
