/** Bugs in additive heads, and in attention to trees and graphs. */
import { concat, MultiHeadAttention, slice, type Tensor } from '../../../src/index.ts';
import { additiveHeadsEqualLoops } from '../checks/scores.ts';
import { edgesHideNodes } from '../checks/structure.ts';
import { type Mutant, mutateOp, mutateParams, patch } from './mutant.ts';

export const structureMutants: readonly Mutant[] = [
  {
    name: 'additive heads use the vector of the next head',
    mutate: mutateOp<object, 'reference'>('additiveAttention', 'reference', (real) => (inputs, p) => {
      const turned = concat([slice(inputs[3]!, 0, 1), slice(inputs[3]!, 0, 0, 1)], 0);
      return real([...inputs.slice(0, 3), turned, ...inputs.slice(4)] as Tensor[], p);
    }),
    caughtBy: additiveHeadsEqualLoops,
  },
  {
    name: 'additive attention sees one key of the future',
    mutate: mutateParams<{ reach: number }>('additiveAttention', 'reference', (p) => ({
      ...p,
      reach: p.reach + 1,
    })),
    caughtBy: additiveHeadsEqualLoops,
  },
  {
    name: 'a graph whose edges are not looked at',
    mutate: () =>
      patch(
        MultiHeadAttention.prototype,
        'forward',
        (real) =>
          function (this: MultiHeadAttention, x, memory, options = {}) {
            return real.call(this, x, memory, { ...options, mask: null });
          },
      ),
    caughtBy: edgesHideNodes,
  },
];
