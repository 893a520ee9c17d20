/**
 * Talking-heads attention: heads exchange their scores before the softmax and their weights after it, each by a learned
 * matrix over heads that is the identity at first.
 *
 * `W = softmax(P_L · QKᵀ/√D)`, `O = (P_W · W) V`
 *
 * Every switch of multi-head attention goes with it: what is done to queries, keys and single scores (norms, a learned
 * factor, the cap) comes before heads talk; windows hide the same keys from all heads; gates come last.
 *
 * Paper: Shazeer et al. 2020, https://arxiv.org/abs/2003.02436
 */
import type { Tensor } from '../../core/tensor.ts';
import type { AttentionHooks } from '../../ops/attention/reference.ts';
import { matmul } from '../../ops/matmul/index.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import type { ModuleContext, Parameter } from '../module.ts';
import { parameter } from '../module.ts';
import { ComposedAttention } from './composed.ts';
import type { MultiHeadAttentionOptions } from './multi-head.ts';

/** An identity matrix. */
function identity([rows, columns]: readonly number[]): Float64Array {
  return Float64Array.from({ length: rows! * columns! }, (_, i) =>
    Math.floor(i / columns!) === i % columns! ? 1 : 0,
  );
}

export class TalkingHeadsAttention extends ComposedAttention {
  /** P_L `[H, H]` */
  readonly scoreMix: Parameter;
  /** P_W `[H, H]` */
  readonly weightMix: Parameter;

  constructor(options: MultiHeadAttentionOptions, context: ModuleContext) {
    super(options, context);
    const { numHeads } = options;
    this.scoreMix = parameter([numHeads, numHeads], identity, context);
    this.weightMix = parameter([numHeads, numHeads], identity, context);
  }

  protected override get hooks(): AttentionHooks {
    return {
      scores: (scores) => mixHeads(scores, this.scoreMix),
      weights: (weights) => mixHeads(weights, this.weightMix),
    };
  }
}

/** `[B, H, T, S]` with each head a mixture of all of them. */
function mixHeads(x: Tensor, mix: Tensor): Tensor {
  const [batch, heads, queries, keys] = x.shape as [number, number, number, number];
  return reshape(matmul(mix, reshape(x, [batch, heads, queries * keys])), x.shape);
}
