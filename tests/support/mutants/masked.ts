/** Bugs in masking and in masked language models. */

import { maskingRules } from '../../../src/data/token-masking.ts';
import { MaskedLanguageModel, tensor } from '../../../src/index.ts';
import {
  lossesAreThoseOfChosenPlaces,
  maskedCountsAreBinomial,
  maskingSparesSpecials,
  otherPlacesGetNoGradient,
} from '../checks/masked.ts';
import { type Mutant, patch } from './mutant.ts';

export const maskedMutants: readonly Mutant[] = [
  {
    name: 'a mask that hits special tokens',
    mutate: () => patch(maskingRules, 'isOrdinary', () => () => true),
    caughtBy: maskingSparesSpecials,
  },
  {
    name: 'random tokens may be special ones',
    mutate: () =>
      patch(maskingRules, 'replacement', (real) => (id, which, shares, random) => {
        return real(id, { ...which, ordinary: [0, which.ordinary[1]] }, shares, random);
      }),
    caughtBy: maskingSparesSpecials,
  },
  {
    name: 'as many tokens are replaced as should be hidden, and the other way round',
    mutate: () =>
      patch(maskingRules, 'replacement', (real) => (id, which, shares, random) => {
        return real(id, which, { ...shares, mask: shares.random, random: shares.mask }, random);
      }),
    caughtBy: maskedCountsAreBinomial,
  },
  {
    name: 'no selected token is kept',
    mutate: () =>
      patch(maskingRules, 'replacement', (real) => (id, which, shares, random) => {
        return real(id, which, { ...shares, random: 1 - shares.mask }, random);
      }),
    caughtBy: maskedCountsAreBinomial,
  },
  {
    name: 'a masked model learns from all places',
    mutate: () =>
      patch(
        MaskedLanguageModel.prototype,
        'lossesAt',
        (real) =>
          function (this: MaskedLanguageModel, states, _places, labels, options) {
            const count = states.shape[0]! * states.shape[1]!;
            const places = Int32Array.from({ length: count }, (_, place) => place);
            const some = Int32Array.from(places, (place) => labels.data[place % labels.size]!);
            const make = (values: Int32Array) =>
              tensor(values, [count], { dtype: 'int32', device: states.device });
            return real.call(this, states, make(places), make(some), options);
          },
      ),
    caughtBy: otherPlacesGetNoGradient,
  },
  {
    name: 'the head reads the places before the hidden ones',
    mutate: () =>
      patch(
        MaskedLanguageModel.prototype,
        'lossesAt',
        (real) =>
          function (this: MaskedLanguageModel, states, places, labels, options) {
            const before = tensor(
              Int32Array.from(places.data, (place) => Math.max(0, place - 1)),
              places.shape,
              { dtype: 'int32', device: places.device },
            );
            return real.call(this, states, before, labels, options);
          },
      ),
    caughtBy: lossesAreThoseOfChosenPlaces,
  },
];
