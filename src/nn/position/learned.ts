/** Learned positions. */
import type { Tensor } from '../../core/tensor.ts';
import { normal } from '../initializers.ts';
import { type ModuleContext, type Parameter, parameter } from '../module.ts';
import { addRows, type Places, Position } from './position.ts';

/** A learned vector for each position. Paper: Gehring et al. 2017, https://arxiv.org/abs/1705.03122 */
export class LearnedPosition extends Position {
  readonly weight: Parameter;

  /** @param std - of the first values; 1/√width by default */
  constructor(width: number, maxSeqLen: number, context: ModuleContext, std = width ** -0.5) {
    super();
    this.weight = parameter([maxSeqLen, width], normal(std), context);
  }

  override forward(x: Tensor, places: Places = 0): Tensor {
    return addRows('LearnedPosition', this.weight, x, places);
  }

  override get addend(): Tensor {
    return this.weight;
  }
}
