/** Bugs in the detection Transformer. */
import { Decoder } from '../../../src/index.ts';
import { detectorQueriesAreASet } from '../checks/detection.ts';
import { type Mutant, patch } from './mutant.ts';

export const detectionMutants: readonly Mutant[] = [
  {
    name: 'queries of a detector see no later ones',
    mutate: () =>
      patch(
        Decoder.prototype,
        'forward',
        (real) =>
          function (this: Decoder, ...[x, memory, mask, memoryMask, position]: Parameters<typeof real>) {
            return real.call(this, x, memory, mask, memoryMask, position, true);
          },
      ),
    caughtBy: detectorQueriesAreASet,
  },
];
