/**
 * Stochastic depth: in training, layers are left out at random, later ones more often.
 *
 * Paper: Huang et al., Deep Networks with Stochastic Depth, 2016, https://arxiv.org/abs/1603.09382
 */
import type { Tensor } from '../core/tensor.ts';
import { nextDropoutKey } from './dropout-keys.ts';
import { Module } from './module.ts';

/**
 * Layer l of L is left out with probability `rate · l / L`, for a whole batch. The branches of one that stays are
 * divided by its probability of staying (the paper multiplies in evaluation instead), so that evaluation is the full
 * model as it is.
 */
export class StochasticDepth extends Module {
  private readonly rate: number;
  private readonly numLayers: number;

  /** @param rate - of the last layer */
  constructor(rate: number, numLayers: number) {
    super();
    this.rate = rate;
    this.numLayers = numLayers;
  }

  /** Probability that layer `index`, counted from 0, is left out in training. */
  rateOf(index: number): number {
    return (this.rate * (index + 1)) / this.numLayers;
  }

  /** What a layer makes of `x`, or `x` itself where the layer is left out. */
  through(x: Tensor, index: number, layer: (branchScale: number) => Tensor): Tensor {
    const rate = this.training ? this.rateOf(index) : 0;
    if (rate === 0) return layer(1);
    const drawn = nextDropoutKey()[0] / 2 ** 32;
    return drawn < rate ? x : layer(1 / (1 - rate));
  }
}
