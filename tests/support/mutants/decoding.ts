/** Bugs in sampling, in decoding several tokens at once, and in training on the model's own texts. */
import { Decoder, LaterTokens, NonAutoregressive, Sampler, scale } from '../../../src/index.ts';
import { EncoderDecoder } from '../../../src/models/encoder-decoder.ts';
import { KeyValueCache } from '../../../src/nn/attention/cache.ts';
import { laterLossEqualsLoops } from '../checks/blockwise.ts';
import {
  natIsAProductOverPlaces,
  natLooksBothWays,
  natPairsDoNotMeet,
} from '../checks/non-autoregressive.ts';
import { checkedGuesses, drawnGradientIsTheExactOne } from '../checks/objectives.ts';
import { draftsDrawFromTheTarget, guessesOfAModelChangeNothing } from '../checks/parallel.ts';
import { drawsDoNotDependOnTheBatch, drawsFollowTheProbabilities } from '../checks/sampling.ts';
import { type Mutant, mutateOp, patch } from './mutant.ts';

export const decodingMutants: readonly Mutant[] = [
  {
    name: 'heads for later tokens learn what the next text of the batch says',
    mutate: () =>
      patch(
        LaterTokens.prototype,
        'contribute',
        (real) =>
          function (this: LaterTokens, x, project, { ids }, options) {
            return real.call(this, x, project, { ids, lengths: [ids.length] }, options);
          },
      ),
    caughtBy: laterLossEqualsLoops,
  },
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
  {
    name: 'tokens that were guessed wrongly stay in the cache',
    mutate: () => {
      const longest = new WeakMap<KeyValueCache, number>();
      return patch(
        KeyValueCache.prototype,
        'appendJoined',
        (real) =>
          function (this: KeyValueCache, qkv) {
            const [start, known] = [this.length, longest.get(this) ?? 0];
            const before = [this.keys, this.values].map(({ data }) => data.slice());
            real.call(this, qkv);
            longest.set(this, Math.max(known, this.length));
            if (start >= known) return;
            [this.keys, this.values].forEach(({ data }, i) => {
              data.set(before[i]!);
            });
          },
      );
    },
    caughtBy: guessesOfAModelChangeNothing,
  },
  {
    name: 'drafted tokens are accepted too easily',
    mutate: () =>
      patch(
        Sampler.prototype,
        'uniform',
        (real) =>
          function (this: Sampler, stream) {
            const isDeciding = stream % 2 === 1;
            return real.call(this, stream) * (isDeciding ? 0.6 : 1);
          },
      ),
    caughtBy: draftsDrawFromTheTarget,
  },
  {
    name: 'a parallel decoder sees earlier tokens only',
    mutate: () =>
      patch(
        Decoder.prototype,
        'forward',
        (real) =>
          function (this: Decoder, x, memory, mask, memoryMask, position) {
            return real.call(this, x, memory, mask, memoryMask, position, true);
          },
      ),
    caughtBy: natLooksBothWays,
  },
  {
    name: 'the length of a text costs nothing',
    mutate: () =>
      patch(
        NonAutoregressive.prototype,
        'losses',
        () =>
          function (this: NonAutoregressive, ...args) {
            return EncoderDecoder.prototype.losses.apply(this, args);
          },
      ),
    caughtBy: natIsAProductOverPlaces,
  },
  {
    name: 'a parallel decoder is given the begin token once and padding after it',
    mutate: () =>
      patch(
        NonAutoregressive.prototype,
        'decode',
        (real) =>
          function (this: NonAutoregressive, memory, { ids, lengths }) {
            return real.call(this, memory, { ids: ids.map((id, i) => (i === 0 ? id : 0)), lengths });
          },
      ),
    caughtBy: natPairsDoNotMeet,
  },
  {
    name: 'the least likely token is guessed in scheduled sampling',
    mutate: mutateOp<object, 'compute'>('argmax', 'compute', (real) => (context) => {
      real({ ...context, inputs: [scale(context.inputs[0]!, -1)] });
    }),
    caughtBy: checkedGuesses,
  },
  {
    name: 'rewarded texts are drawn from another distribution than the one that learns',
    mutate: () =>
      patch(
        Sampler.prototype,
        'uniform',
        (real) =>
          function (this: Sampler, stream) {
            return real.call(this, stream) ** 1.5;
          },
      ),
    caughtBy: drawnGradientIsTheExactOne,
  },
];
