/** Scores, heads, masks and structure of attention; positions compared. */
import type { Mechanism } from './mechanism.ts';

const scores = 'tests/properties/scores.test.ts';
const structure = 'tests/properties/structure.test.ts';
const probes = 'tests/properties/position-probes.test.ts';
const labs = 'tests/properties/mask-labs.test.ts';
const masks = 'tests/properties/masks.test.ts';

export const rows: readonly Mechanism[] = [
  {
    id: 'D8',
    name: 'Structural positions',
    file: 'src/nn/position/structural.ts',
    verification:
      'depths and distances of random trees equal a breadth-first search; words in another order give the same attention; a text is read the same alone, packed and padded; pieces share the node of their word',
    test: 'tests/properties/source-trees.test.ts',
    more: ['tests/properties/structure.test.ts'],
    titles: /"structural"/,
  },
  {
    id: 'D14',
    name: 'Position similarity map and probes',
    file: 'src/nn/position/probes.ts',
    verification:
      'the largest similarity stands on the diagonal; the first rise comes at lags 4, 6, 12 and 44; probes read places, and nothing in noise',
    test: probes,
  },
  {
    id: 'D15',
    name: 'Requirements of position encodings',
    file: 'src/nn/position/requirements.ts',
    verification:
      'every kind measured, trees and layouts included: counting is unbounded, shares of the length depend on it, none distinguishes nothing, depths alone do not tell words of one depth apart',
    test: probes,
  },
  {
    id: 'E1',
    name: 'Generic attention (soft lookup)',
    file: 'src/nn/attention/attend.ts',
    verification:
      'every score: outputs within the values’ range, the best key’s value in the limit, keys and values in any order; under masks equal to scalar loops, soft and hard, zeros where nothing is seen; gradients equal central differences',
    test: scores,
  },
  {
    id: 'E2',
    name: 'Dot-product attention',
    file: 'src/nn/attention/attend.ts',
    verification:
      'soft lookup equals the op with scale 1; gradients equal central differences to 1e-6, shapes drawn',
    test: 'tests/properties/attention.test.ts',
    more: ['tests/properties/scores.test.ts', 'tests/properties/gradient-checks.test.ts'],
  },
  {
    id: 'E4',
    name: 'Additive attention',
    file: 'src/nn/attention/additive.ts',
    verification:
      'heads equal scalar loops on every device; gradients equal central differences to 1e-6, shapes drawn; counted operations beside dot products; learns as well as scaled products in heads of 64 and 512, better than plain ones, five seeds',
    test: scores,
    more: ['tests/properties/gradient-checks.test.ts', 'tests/long/score-width.test.ts'],
    titles: /by additive score/,
  },
  {
    id: 'E16',
    name: 'Importance and pruning of heads',
    file: 'src/models/prune-heads.ts',
    verification:
      'importance equals finite differences in the gates; a pruned model says what the whole one says with gates of 0; trained on captions, five seeds, a model that keeps one head of each layer loses more between the texts than within them',
    test: 'tests/properties/heads.test.ts',
    more: ['tests/long/heads-of-roles.test.ts'],
  },
  {
    id: 'E19',
    name: 'Copying (pointer-generator)',
    file: 'src/nn/pointer-generator.ts',
    verification:
      'probabilities sum to 1 and are those of the formula; names never seen are copied after a short training, none without it, three seeds; by an experiment too',
    test: 'tests/copy.test.ts',
  },
  {
    id: 'E21',
    name: 'Graph attention',
    file: 'src/nn/attention/tree-graph.ts',
    verification:
      'equals loops over the edges of a tree, one learned number for each relation and direction, and over those of any graph with features of edges; gradients of W and of the features equal central differences; nodes by other names get the same outputs; a complete graph is full attention',
    test: 'tests/properties/source-trees.test.ts',
    more: ['tests/properties/structure.test.ts'],
    titles: /"graph"/,
  },
  {
    id: 'E22',
    name: 'Attention over image regions',
    file: 'src/nn/attention/attend.ts',
    verification: 'weights of 0.7, 0.1, 0.1 and 0.1 on four regions, as drawn',
    test: structure,
  },
  {
    id: 'F4',
    name: 'Mask conventions',
    file: 'src/nn/attention/masks.ts',
    verification:
      'conventions are types of their own and refused at run time too; converters are inverses; −1000 leaks where a hidden score is about as large, −∞ never',
    test: labs,
    more: [masks],
  },
  {
    id: 'F5',
    name: 'Keys that grow with the query',
    file: 'labs/causal-masks.ts',
    verification: 'equals the causal mask; L counted softmaxes against one',
    test: labs,
    more: [masks],
  },
  {
    id: 'F7',
    name: 'Strict and inclusive masks',
    file: 'labs/causal-masks.ts',
    verification: 'each pair of mask and shift is run and tokens are changed: which leak, which starve',
    test: labs,
  },
  {
    id: 'F8',
    name: 'Weights zeroed after the softmax (control)',
    file: 'labs/causal-masks.ts',
    verification: 'rows sum to less than 1 and future scores get a gradient',
    test: labs,
  },
  {
    id: 'F9',
    name: '+∞ for −∞ (control)',
    file: 'labs/causal-masks.ts',
    verification: 'planted in the mask, it fails the causal test',
    test: 'tests/planted-bugs.test.ts',
  },
  {
    id: 'F10',
    name: 'Fully masked rows',
    file: 'src/ops/softmax/index.ts',
    verification: 'zeros and gradients of 0, where the formula gives NaN and a finite mask equal weights',
    test: labs,
    more: [masks],
  },
  {
    id: 'F11',
    name: 'Packed segments',
    file: 'src/nn/attention/packing.ts',
    verification: 'packed sequences have the losses that they have alone, on every device',
    test: 'tests/properties/attention-kinds.test.ts',
  },
  {
    id: 'M14',
    name: 'Detection',
    file: 'src/models/detector.ts',
    verification:
      'patches carry their row and column, queries have no order, gradients equal central differences; no matching is cheaper; the loss equals its formula; average precision is that of COCO’s program; drawn shapes are found',
    test: 'tests/detector.test.ts',
    more: [
      'src/train/objectives/assignment.test.ts',
      'src/train/objectives/detection.test.ts',
      'src/metrics/average-precision.test.ts',
      'tests/long/detection.test.ts',
    ],
  },
];
