/** Scores, heads, masks and structure of attention; positions compared. */
import type { Mechanism } from './mechanism.ts';

const scores = 'tests/properties/scores.test.ts';

export const rows: readonly Mechanism[] = [
  {
    id: 'E1',
    name: 'Generic attention (soft lookup)',
    file: 'src/nn/attention/attend.ts',
    verification:
      'every score: outputs within the values’ range, the best key’s value in the limit, keys and values in any order',
    test: scores,
  },
  {
    id: 'E2',
    name: 'Dot-product attention',
    file: 'src/nn/attention/attend.ts',
    verification: 'soft lookup equals the op with scale 1; gradients equal finite differences',
    test: 'tests/properties/attention.test.ts',
  },
  {
    id: 'E3',
    name: 'Scaled dot-product attention',
    file: 'src/nn/attention/attend.ts',
    verification:
      'entropy over widths saturates without √D and not with it; first scores have standard deviation 1 in T5’s way',
    test: scores,
  },
  {
    id: 'E4',
    name: 'Additive attention',
    file: 'src/nn/attention/additive.ts',
    verification: 'heads equal scalar loops on every device; counted operations beside dot products',
    test: scores,
  },
];
