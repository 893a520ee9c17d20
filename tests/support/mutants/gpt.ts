/** Bugs in the decoder-only model. */
import { LearnedPosition, RotaryPosition } from '../../../src/index.ts';
import { KeyValueCache } from '../../../src/nn/attention/cache.ts';
import { gptFutureChangesNothing, gptStepsEqualForward, llamaStepsEqualForward } from '../checks/gpt.ts';
import { type Mutant, mutateParams, patch } from './mutant.ts';

export const gptMutants: readonly Mutant[] = [
  {
    name: 'self-attention is not causal',
    mutate: mutateParams<{ causal: boolean }>('selfAttention', 'reference', (params) => ({
      ...params,
      causal: false,
    })),
    caughtBy: gptFutureChangesNothing,
  },
  {
    name: 'new keys join the cache one place too late',
    mutate: () =>
      patch(
        KeyValueCache.prototype,
        'appendJoined',
        (real) =>
          function (this: KeyValueCache, qkv) {
            real.call(this, qkv);
            this.keys.data.copyWithin(this.keys.shape[2]!, 0);
          },
      ),
    caughtBy: gptStepsEqualForward,
  },
  {
    name: 'learned positions of new tokens start at 0 again',
    mutate: () =>
      patch(
        LearnedPosition.prototype,
        'forward',
        (real) =>
          function (this: LearnedPosition, x) {
            return real.call(this, x, 0);
          },
      ),
    caughtBy: gptStepsEqualForward,
  },
  {
    name: 'rotary keys of new tokens are turned as the first ones',
    mutate: () =>
      patch(
        RotaryPosition.prototype,
        'key',
        (real) =>
          function (this: RotaryPosition, key) {
            return real.call(this, key, 0);
          },
      ),
    caughtBy: llamaStepsEqualForward,
  },
  {
    name: 'grouped attention with a cache misses the newest key',
    mutate: mutateParams<{ numKvHeads: number; keyLength: number }>('attention', 'reference', (params) => ({
      ...params,
      keyLength: Math.max(1, params.keyLength - 1),
    })),
    caughtBy: llamaStepsEqualForward,
  },
];
