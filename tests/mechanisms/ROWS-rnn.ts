/** Recurrent and convolutional models, and the attention of recurrent decoders. */
import type { Mechanism } from './mechanism.ts';

const properties = 'tests/properties/recurrent.test.ts';
const oracles = 'tests/recurrent-oracles.test.ts';

export const rows: readonly Mechanism[] = [
  {
    id: 'E17',
    name: 'RNN decoder with attention (Bahdanau, Luong)',
    file: 'src/nn/attention/source.ts',
    verification:
      'Luong’s decoder with either score, after the recurrence; with input feeding contexts enter it, as in Bahdanau’s, and equal scalar loops; contexts equal scalar loops; on reversed strings more than 0.9 of the weight lies on the anti-diagonal; three seeds beside models without attention and chance',
    test: 'tests/recurrent-seq2seq.test.ts',
    more: [properties, 'tests/source-attention-training.test.ts', 'tests/long/recurrent-seq2seq.test.ts'],
  },
  {
    id: 'E18',
    name: 'Guided, monotonic and location-aware attention',
    file: 'src/nn/attention/monotonic.ts',
    verification:
      'the expected alignment equals the sum over all paths; guided loss and location features equal scalar loops; trained and decoded in lstm-seq2seq, step by step as in one pass; the guided loss of cross-attention makes it more diagonal, three seeds; on synthetic speech twice as long as in training each of the three skips fewer symbols and repeats fewer than additive attention, three seeds',
    test: 'tests/properties/alignment.test.ts',
    more: [
      'tests/properties/recurrent.test.ts',
      'tests/source-attention-training.test.ts',
      'tests/guided-cross-attention.test.ts',
      'tests/long/synthetic-speech.test.ts',
    ],
  },
  {
    id: 'I10',
    name: 'Elman RNN',
    file: 'src/nn/recurrent/layer.ts',
    verification:
      'values and gradients equal PyTorch’s; gradients equal central differences, shapes drawn; the gradient through time equals the product of the Jacobians and fades',
    test: 'tests/recurrent-memory.test.ts',
    more: [properties, 'tests/properties/gradient-checks.test.ts', oracles],
    titles: /rnn_\dlayer/,
  },
  {
    id: 'I11',
    name: 'LSTM, BiLSTM, stacked, GRU',
    file: 'src/nn/recurrent/stack.ts',
    verification:
      'values and gradients equal PyTorch’s, packed and in both directions; gradients equal central differences, shapes drawn; a symbol is remembered over 40 steps of noise, three seeds',
    test: oracles,
    more: [properties, 'tests/properties/gradient-checks.test.ts', 'tests/recurrent-memory.test.ts'],
    titles: /(lstm|gru)_\dlayer/,
  },
  {
    id: 'I12',
    name: 'RNN seq2seq, one context vector',
    file: 'src/models/recurrent-seq2seq.ts',
    verification:
      'the share of strings said backwards falls with their length; three seeds beside attention and a Transformer',
    test: 'tests/recurrent-seq2seq.test.ts',
    more: ['tests/long/recurrent-seq2seq.test.ts'],
  },
  {
    id: 'I13',
    name: 'RNN seq2seq with attention',
    file: 'src/models/recurrent-seq2seq.ts',
    verification: 'it falls less than without attention; decoding token by token equals the packed pass',
    test: 'tests/recurrent-seq2seq.test.ts',
    more: [properties, 'tests/long/recurrent-seq2seq.test.ts'],
  },
  {
    id: 'I14',
    name: 'Window tagger',
    file: 'src/models/window-tagger.ts',
    verification:
      'the Jacobian reaches w words on each side and none beyond; weights and operations grow as 2 w + 1; trained from YAML, its spans scored as conlleval prints them',
    test: properties,
    more: ['tests/window-tagger.test.ts', 'tests/tagging.test.ts', 'src/metrics/tagging.test.ts'],
  },
  {
    id: 'I15',
    name: 'Stacked 1-D CNN',
    file: 'src/nn/convolution/stack.ts',
    verification:
      'convolutions equal PyTorch’s; the Jacobian of N layers reaches 1 + N (k − 1) rows; a tagger of centred ones learns what a causal one cannot, three seeds',
    test: properties,
    more: [oracles, 'tests/tagging.test.ts'],
    titles: /conv1d_/,
  },
  {
    id: 'I16',
    name: 'Convolution as multi-head self-attention',
    file: 'src/nn/convolution/as-attention.ts',
    verification:
      'attention with constructed weights equals the convolution to 1e-6, over time and over images',
    test: properties,
  },
];
