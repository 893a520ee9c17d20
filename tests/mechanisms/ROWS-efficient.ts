/** Attention of reduced cost. */
import type { Mechanism } from './mechanism.ts';

const properties = 'tests/properties/efficient-attention.test.ts';
const layers = 'tests/properties/efficient-layers.test.ts';
const graphs = 'src/nn/attention/patterns.test.ts';
const scaling = 'src/bench/attention-scaling.test.ts';

export const rows: readonly Mechanism[] = [
  {
    id: 'E20',
    name: 'Truncated self-attention',
    file: 'src/ops/attention/window.ts',
    verification:
      'outputs and gradients of dense attention with the band as a mask; counted operations double with the length',
    test: properties,
  },
  {
    id: 'G1',
    name: 'Linformer',
    file: 'src/nn/attention/linformer.ts',
    verification:
      'with k = n and E = F = I it is multi-head attention, in all ways of sharing; counted operations grow with the length; quality grows with the rows, up to that of full attention, three seeds',
    test: layers,
    more: [properties, scaling, 'tests/long/linformer.test.ts'],
  },
  {
    id: 'G2',
    name: 'Local windows',
    file: 'src/ops/attention/window.ts',
    verification:
      'scalar loops and dense attention with a band mask; bytes of 16384 tokens against a matrix of scores',
    test: properties,
    more: [scaling],
  },
  {
    id: 'G3',
    name: 'Global tokens',
    file: 'src/nn/attention/patterns.ts',
    verification: 'dense attention with a mask; every shortest way through the graph has at most two steps',
    test: graphs,
    more: [properties, layers],
  },
  {
    id: 'G4',
    name: 'Random keys',
    file: 'src/nn/attention/patterns.ts',
    verification:
      'dense attention with a mask; the longest shortest way grows with the logarithm of the length',
    test: graphs,
    more: [properties, layers],
  },
  {
    id: 'G5',
    name: 'BigBird',
    file: 'src/nn/attention/sparse.ts',
    verification:
      'dense attention with a mask, outputs and gradients; at equal counted operations, only all three parts recall over a long distance, three seeds beside chance',
    test: properties,
    more: [layers, 'tests/long/recall.test.ts'],
  },
  {
    id: 'G6',
    name: 'Linear attention',
    file: 'src/ops/linear-attention/index.ts',
    verification:
      'the recurrent form, the parallel form and scalar loops agree; in whole models a token takes as many operations, bytes and memory after 999 others as after 9, where softmax takes more',
    test: properties,
    more: [layers, 'tests/properties/decoding-cost.test.ts'],
  },
  {
    id: 'G7',
    name: 'Cost against length',
    file: 'src/bench/attention-scaling.ts',
    verification:
      'slopes of counted operations: 2 for full attention, 1 for the others; of counted bytes and of memory: 2 for full attention in plain ops, 1 for the fused one, which keeps no scores, and for the others',
    test: scaling,
  },
];
