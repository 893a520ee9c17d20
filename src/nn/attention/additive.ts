/**
 * Additive attention in several heads: `score(q, k) = vᵀ tanh(q + k)` with a vector v for each head, where multi-head
 * attention has `q · k / √D`. Queries and keys are projected as there.
 *
 * Papers: Bahdanau, Cho & Bengio 2014, §A.1.2, https://arxiv.org/abs/1409.0473; compared with dot products in Vaswani et
 * al. 2017, §3.2.1
 */
import type { Tensor } from '../../core/tensor.ts';
import { additiveAttention } from '../../ops/additive-attention/index.ts';
import { additiveScores } from '../../ops/additive-attention/scores.ts';
import type { AttentionHooks } from '../../ops/attention/reference.ts';
import { broadcastTo } from '../../ops/reduce/sum.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import { slice } from '../../ops/shape/slice.ts';
import { uniform } from '../initializers.ts';
import { type ModuleContext, type Parameter, parameter } from '../module.ts';
import type { AttentionCall } from './call.ts';
import { ComposedAttention } from './composed.ts';
import type { MultiHeadAttentionOptions } from './multi-head.ts';

export class AdditiveAttention extends ComposedAttention {
  /** v of each head, `[H, D]` */
  readonly vector: Parameter;

  constructor(options: MultiHeadAttentionOptions, context: ModuleContext) {
    super(options, context);
    const { headDim } = this;
    this.vector = parameter([this.numHeads, headDim], uniform(1 / Math.sqrt(headDim)), context);
  }

  protected override get hooks(): AttentionHooks {
    return {
      products: (q, k) => {
        const [batch, heads, T, width] = q.shape as [number, number, number, number];
        const entries = (x: Tensor): Tensor => reshape(x, [batch * heads, x.shape[2]!, width]);
        const vectors = broadcastTo(this.vector, [batch, heads, width]);
        const scores = additiveScores(entries(q), entries(k), reshape(vectors, [batch * heads, width]));
        return reshape(scores, [batch, heads, T, k.shape[2]!]);
      },
    };
  }

  /** By the kernel, unless somebody looks inside or something is asked for that it does not know. */
  protected override context(call: AttentionCall): Tensor {
    const { query, memory, mask, options, relative } = call;
    const [batch] = query.shape as [number, number, number];
    const hidesKeysOnly = !mask || (mask.shape[0] === batch && mask.size === batch * mask.shape.at(-1)!);
    if (!hidesKeysOnly || relative || this.wants('scores', 'weights')) return super.context(call);
    const { keyLength = memory.keys.shape[1]!, causal, causalOffset, segments, p, key } = options;
    const used = (x: Tensor): Tensor => (x.shape[1] === keyLength ? x : slice(x, 1, 0, keyLength));
    const how = { mask, segments, causal, causalOffset, p, key };
    return additiveAttention(query, used(memory.keys), used(memory.values), this.vector, how);
  }
}
