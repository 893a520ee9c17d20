/** Bugs in the tape, in decoding and in the loss of a batch. */
import { registerGradientArithmetic } from '../../../src/core/tape.ts';
import { add, addInPlace, Module, SinusoidalPosition, scale, Transformer } from '../../../src/index.ts';
import { TransformerCache } from '../../../src/models/transformer-cache.ts';
import { KeyValueCache } from '../../../src/nn/attention/cache.ts';
import { Seq2SeqObjective } from '../../../src/train/seq2seq.ts';
import {
  cacheFollowsTheRows,
  gradientsAreAveragedOverTokens,
  paddingChangesNothing,
  stepsEqualDecode,
  tiedTableHasItsGradient,
} from '../checks/model.ts';
import { type Mutant, mutateOp, patch } from './mutant.ts';

const tape: readonly Mutant[] = [
  {
    name: 'a tied table counts one of its uses only',
    mutate: mutateOp<object, 'backward'>('embedding', 'backward', (real) => (context) => [
      scale(real(context)[0]!, 0),
      null,
    ]),
    caughtBy: tiedTableHasItsGradient,
  },
  {
    name: 'the second gradient of a shared node replaces the first',
    mutate: () => {
      registerGradientArithmetic({ add: (_a, b) => b, addInPlace: (a, b) => a.data.set(b.data) });
      return () => registerGradientArithmetic({ add, addInPlace });
    },
    caughtBy: tiedTableHasItsGradient,
  },
  {
    name: 'gradients are not zeroed between steps',
    mutate: () => patch(Module.prototype, 'zeroGrad', () => () => {}),
    caughtBy: paddingChangesNothing,
  },
  {
    name: 'loss averaged over padding too',
    mutate: () =>
      patch(
        Seq2SeqObjective.prototype,
        'trainOn',
        (real) =>
          function (this: Seq2SeqObjective, batch) {
            return real.call(this, batch, batch.labels.ids.length);
          },
      ),
    caughtBy: gradientsAreAveragedOverTokens,
  },
];

const decoding: readonly Mutant[] = [
  {
    name: 'positions of new tokens start at 0 again',
    mutate: () =>
      patch(
        SinusoidalPosition.prototype,
        'forward',
        (real) =>
          function (this: SinusoidalPosition, x) {
            return real.call(this, x, 0);
          },
      ),
    caughtBy: stepsEqualDecode,
  },
  {
    name: 'decoding forgets the padding of the source',
    mutate: () =>
      patch(
        Transformer.prototype,
        'startDecoding',
        (real) =>
          function (this: Transformer, memory, _mask, room) {
            return real.call(this, memory, null, room);
          },
      ),
    caughtBy: stepsEqualDecode,
  },
  {
    name: 'cached values are the keys',
    mutate: () =>
      patch(
        KeyValueCache.prototype,
        'append',
        (real) =>
          function (this: KeyValueCache, keys, values) {
            real.call(this, keys, keys.shape[2] === values.shape[2] ? keys : values);
          },
      ),
    caughtBy: stepsEqualDecode,
  },
  {
    name: 'rows of the cache kept in their old order',
    mutate: () =>
      patch(
        TransformerCache.prototype,
        'select',
        (real) =>
          function (this: TransformerCache, places) {
            real.call(this, [...places].sort());
          },
      ),
    caughtBy: cacheFollowsTheRows,
  },
  {
    name: 'a reordered cache keeps the memories of other sentences',
    mutate: () =>
      patch(
        TransformerCache.prototype,
        'select',
        () =>
          function (this: TransformerCache, places) {
            for (const { self } of this.layers) self.select(places);
          },
      ),
    caughtBy: cacheFollowsTheRows,
  },
];

export const modelMutants: readonly Mutant[] = [...tape, ...decoding];
