/** Bugs in sampling. */
import { Sampler } from '../../../src/index.ts';
import { drawsDoNotDependOnTheBatch, drawsFollowTheProbabilities } from '../checks/sampling.ts';
import { type Mutant, patch } from './mutant.ts';

export const decodingMutants: readonly Mutant[] = [
  {
    name: 'tokens are drawn as if temperature and cuts were not there',
    mutate: () =>
      patch(
        Sampler.prototype,
        'probabilities',
        () => (logits: Float64Array) => logits.map((x) => Math.exp(x)),
      ),
    caughtBy: drawsFollowTheProbabilities,
  },
  {
    name: 'random numbers that are rarely large',
    mutate: () =>
      patch(
        Sampler.prototype,
        'uniform',
        (real) =>
          function (this: Sampler, stream) {
            return real.call(this, stream) ** 1.15;
          },
      ),
    caughtBy: drawsFollowTheProbabilities,
  },
  {
    name: 'all texts of a batch draw from one stream',
    mutate: () =>
      patch(
        Sampler.prototype,
        'uniform',
        (real) =>
          function (this: Sampler) {
            return real.call(this, 0);
          },
      ),
    caughtBy: drawsDoNotDependOnTheBatch,
  },
];
