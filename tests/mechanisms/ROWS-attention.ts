/** Kinds of attention layers, and switches of multi-head attention. */
import type { Mechanism } from './mechanism.ts';

const test = 'tests/properties/attention-kinds.test.ts';

export const rows: readonly Mechanism[] = [
  {
    id: 'E3',
    name: 'Scaled dot-product attention (1/√d, none, 1/d, learned)',
    file: 'src/nn/attention/attend.ts',
    verification:
      'equals scalar loops with every scale and with learned factors, on every device; plain products saturate as heads widen, 1/D flattens; scores before and after training',
    test: 'tests/properties/attention.test.ts',
    more: ['tests/properties/scores.test.ts', 'tests/long/score-scales.test.ts'],
  },
  {
    id: 'E5',
    name: 'Bilinear attention',
    file: 'src/nn/attention/bilinear.ts',
    verification: 'with W = I equals unscaled dot-product attention',
    test,
  },
  {
    id: 'E6',
    name: 'Hard attention',
    file: 'src/nn/attention/hard.ts',
    verification:
      'equals the limit of cold softmax; the plain gradient is exactly 0, straight-through it is that of the softmax, for every score',
    test,
    more: ['tests/properties/scores.test.ts'],
  },
  {
    id: 'E7',
    name: 'Parameter-free self-attention',
    file: 'src/nn/attention/parameter-free.ts',
    verification:
      'every output is the weighted average of the vectors; attention alone is linear in the values and of rank one after three layers',
    test,
    more: ['tests/properties/rank-collapse.test.ts'],
  },
  {
    id: 'E9',
    name: 'Tied query and key projection',
    file: 'src/nn/attention/multi-head.ts',
    verification:
      'scores are symmetric, weights are not; one matrix and one bias fewer; with as many parameters it learns a directed and a symmetric task less well, five seeds',
    test,
    more: ['tests/long/tied-query-key.test.ts'],
  },
  {
    id: 'E14',
    name: 'Heads in two stages',
    file: 'src/nn/attention/two-stage.ts',
    verification: 'equals multi-head attention with the product of the matrices',
    test,
  },
  {
    id: 'E15',
    name: 'Free numbers of heads and widths',
    file: 'src/nn/attention/multi-head.ts',
    verification:
      'counted operations do not change with the number of heads at d/h each; heads of any number and width have the parameters and products of the formula; a layer can have heads of its own number',
    test: 'tests/properties/attention.test.ts',
    more: [test],
  },
  {
    id: 'E+',
    name: 'Grouped and multi-query heads',
    file: 'src/nn/attention/multi-head.ts',
    verification:
      'a group of heads equals as many heads with equal keys; scalar loops; caches, padding and packed sequences change nothing; gradients equal finite differences',
    test,
    titles: /numKvHeads|group of key heads/,
  },
  {
    id: 'E+',
    name: 'Talking heads',
    file: 'src/nn/attention/talking-heads.ts',
    verification:
      'matrices of 1 leave multi-head attention, swapped heads swap contexts; scalar loops, with every other switch and in a window; caches, padding and packed sequences change nothing; gradients equal finite differences',
    test,
    titles: /talking.?heads|heads that do not talk/i,
  },
  {
    id: 'E+',
    name: 'QK-norm',
    file: 'src/nn/attention/heads.ts',
    verification:
      'queries and keys a hundred times as long change nothing; scalar loops; gradients equal finite differences',
    test,
    titles: /qkNorm|normalised queries and keys/,
  },
  {
    id: 'E+',
    name: 'Soft-capped scores',
    file: 'src/ops/attention/relative.ts',
    verification:
      'a cap far above the scores changes nothing, a low one gives cap · tanh(x / cap); scalar loops; gradients equal finite differences',
    test,
    titles: /softCap|a cap far above/,
  },
];
