/** Bugs in norms, residual connections and mixtures of experts. */
import {
  BatchNorm,
  MixtureOfExperts,
  Residual,
  type ResidualPass,
  SentenceNorm,
  StochasticDepth,
  type Sublayer,
  type Tensor,
} from '../../../src/index.ts';
import type { Visible } from '../../../src/nn/attention/packing.ts';
import {
  balanceLossEqualsLoops,
  batchNormLeavesPaddingOut,
  deepNormScalesTheInput,
  fullExpertsDropTokens,
  gatedNetworksEqualLoops,
  mixtureEqualsLoops,
  rmsNormEqualsLoops,
  scaleNormGivesOneLength,
  sentenceNormEqualsLoops,
  stochasticDepthKeepsTheMean,
} from '../checks/blocks.ts';
import { type Mutant, mutateOp, mutateParams, patch } from './mutant.ts';

/** A forward pass that is told of no padding. */
const blind = (real: (this: never, x: Tensor, visible?: Visible) => Tensor) =>
  function (this: never, x: Tensor): Tensor {
    return real.call(this, x, null);
  };

interface Options {
  readonly topK: number;
  readonly experts: number;
}

export const blockMutants: readonly Mutant[] = [
  {
    name: 'RMS norm without its epsilon',
    mutate: mutateParams<{ eps: number }>('rmsNorm', 'reference', (params) => ({ ...params, eps: 0 })),
    caughtBy: rmsNormEqualsLoops,
  },
  {
    name: 'RMS norm without a root',
    mutate: mutateOp<object, 'reference'>('rmsNorm', 'reference', (real) => ([x], params) => {
      const y = real([x!, null as never], params);
      y.data.forEach((value, i) => {
        y.data[i] = value * value;
      });
      return y;
    }),
    caughtBy: scaleNormGivesOneLength,
  },
  {
    name: 'padding counts in batch norm',
    mutate: () => patch(BatchNorm.prototype, 'forward', blind as never),
    caughtBy: batchNormLeavesPaddingOut,
  },
  {
    name: 'padding counts in the norm of a sentence',
    mutate: () => patch(SentenceNorm.prototype, 'forward', blind as never),
    caughtBy: sentenceNormEqualsLoops,
  },
  {
    name: 'DeepNorm adds the input as it is',
    mutate: () =>
      patch(
        Residual.prototype,
        'forward',
        (real) =>
          function (this: Residual, x: Tensor, sublayer: Sublayer, pass?: ResidualPass) {
            return real.call(Object.assign(Object.create(this), { inputScale: 1 }), x, sublayer, pass);
          },
      ),
    caughtBy: deepNormScalesTheInput,
  },
  {
    name: 'every layer is left out at the rate of the last',
    mutate: () => patch(StochasticDepth.prototype, 'rateOf', () => () => 0.4),
    caughtBy: stochasticDepthKeepsTheMean,
  },
  {
    name: 'gate and values swapped',
    mutate: mutateOp<object, 'reference'>(
      'gate',
      'reference',
      (real) =>
        ([gate, values], params) =>
          real([values!, gate!], params),
    ),
    caughtBy: gatedNetworksEqualLoops,
  },
  {
    name: 'gates of several experts not divided by their sum',
    mutate: () =>
      patch(
        MixtureOfExperts.prototype,
        'gates' as never,
        ((real: (probs: Tensor, chosen: Tensor) => Tensor) =>
          function (this: { options: Options }, probs: Tensor, chosen: Tensor): Tensor {
            const single = Object.assign(Object.create(this), { options: { ...this.options, topK: 1 } });
            return real.call(single, probs, chosen);
          }) as never,
      ),
    caughtBy: mixtureEqualsLoops,
  },
  {
    name: 'padding takes the places of tokens in an expert',
    mutate: () => patch(MixtureOfExperts.prototype, 'forward', blind as never),
    caughtBy: fullExpertsDropTokens,
  },
  {
    name: 'the balance loss forgets the number of experts',
    mutate: () =>
      patch(
        MixtureOfExperts.prototype,
        'contribute' as never,
        ((real: (...args: unknown[]) => void) =>
          function (this: { options: { balance: number; experts: number } }, ...args: unknown[]): void {
            const { balance, experts } = this.options;
            const options = { ...this.options, balance: balance / experts };
            real.apply(Object.assign(Object.create(this), { options }), args);
          }) as never,
      ),
    caughtBy: balanceLossEqualsLoops,
  },
];
