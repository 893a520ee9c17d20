/**
 * Hard attention: each query takes the value of its best key alone; `hardWeights` has the formula and the papers.
 */
import type { AttentionHooks } from '../../ops/attention/reference.ts';
import type { ModuleContext } from '../module.ts';
import { ComposedAttention } from './composed.ts';
import { type HardEstimator, hardWeights } from './hard-weights.ts';
import type { MultiHeadAttentionOptions } from './multi-head.ts';

export class HardAttention extends ComposedAttention {
  private readonly estimator: HardEstimator;

  constructor(
    options: MultiHeadAttentionOptions & { readonly estimator: HardEstimator },
    context: ModuleContext,
  ) {
    super(options, context);
    this.estimator = options.estimator;
  }

  protected override get hooks(): AttentionHooks {
    return { weights: (soft) => hardWeights(soft, this.estimator) };
  }
}
