/** Bugs in language models that read segments. */
import { LearnedPosition, TransformerXl } from '../../../src/index.ts';
import { CausalLayer } from '../../../src/models/causal-layer.ts';
import { remembered } from '../../../src/models/segment-memory.ts';
import { InputCaches } from '../../../src/models/text-cache.ts';
import {
  memoryEqualsOnePass,
  memoryReachesLayersTimesItsLength,
  segmentsAreSeparate,
} from '../checks/language-model.ts';
import { greedyTextsAreLikeliest, growingEqualsReading } from '../checks/text-generation.ts';
import { type Mutant, mutateParams, patch } from './mutant.ts';

export const languageModelMutants: readonly Mutant[] = [
  {
    name: 'queries stand where the memory begins',
    mutate: mutateParams<{ causalOffset: number }>('relativeAttention', 'reference', (params) => ({
      ...params,
      causalOffset: 0,
    })),
    caughtBy: memoryEqualsOnePass,
  },
  {
    name: 'a memory that never forgets',
    mutate: () =>
      patch(
        TransformerXl.prototype,
        'read',
        (real) =>
          function (this: TransformerXl, ...args) {
            this.memoryLength = 1000;
            return real.apply(this, args);
          },
      ),
    caughtBy: memoryReachesLayersTimesItsLength,
  },
  {
    name: 'separate segments see the one before',
    mutate: () => {
      const before = new WeakMap<CausalLayer, ReturnType<typeof remembered>>();
      return patch(
        CausalLayer.prototype,
        'forward',
        (real) =>
          function (this: CausalLayer, x, pass) {
            const memory = before.get(this) ?? null;
            before.set(this, remembered(null, x, x.shape[1]!));
            return real.call(this, x, { ...pass, memory });
          },
      );
    },
    caughtBy: segmentsAreSeparate,
  },
  {
    name: 'texts that grow see further back than their memory',
    mutate: () =>
      patch(
        CausalLayer.prototype,
        'step',
        (real) =>
          function (this: CausalLayer, x, cache, { position = null } = {}) {
            return real.call(this, x, cache, { position });
          },
      ),
    caughtBy: growingEqualsReading,
  },
  {
    name: 'every block of a growing text stands at the beginning of its table',
    mutate: () =>
      patch(
        LearnedPosition.prototype,
        'forward',
        (real) =>
          function (this: LearnedPosition, x) {
            return real.call(this, x, 0);
          },
      ),
    caughtBy: greedyTextsAreLikeliest,
  },
  {
    name: 'a growing text loses the inputs of its last block',
    mutate: () => patch(InputCaches.prototype, 'push', () => () => {}),
    caughtBy: growingEqualsReading,
  },
];
