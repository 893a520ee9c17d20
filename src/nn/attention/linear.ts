/**
 * Linear attention: `headᵢ,t = φ(q_t)ᵀ S / φ(q_t)ᵀ z` with `S = Σ φ(k_s) v_sᵀ`, `z = Σ φ(k_s)`, `φ(x) = elu(x) + 1`.
 *
 * In decoding the layer is a recurrent network: S and z are its state, of one size however much was read.
 *
 * Paper: Katharopoulos et al., Transformers are RNNs, 2020, https://arxiv.org/abs/2006.16236
 */
import { Tensor } from '../../core/tensor.ts';
import { linearAttention, linearParts } from '../../ops/linear-attention/index.ts';
import { linearAttentionStep } from '../../ops/linear-attention/step.ts';
import type { AttentionPosition } from '../position/position.ts';
import { selected } from './cache.ts';
import type { AttentionCall } from './call.ts';
import { refuseRelative } from './efficient.ts';
import type { AttentionCache } from './layer.ts';
import { MultiHeadAttention } from './multi-head.ts';

/** What decoding keeps of a layer: `[B, K, D, Dv + 1]`, S and z side by side. */
export class LinearAttentionCache implements AttentionCache {
  length = 0;
  state: Tensor;

  constructor(shape: readonly number[], like: Tensor) {
    this.state = Tensor.empty(shape, like.dtype, like.device, 'LinearAttentionCache').keep();
    this.state.data.fill(0);
  }

  select(places: readonly number[]): void {
    this.state = selected(this.state, places);
  }

  dispose(): void {
    this.state.dispose();
  }
}

/** Time and memory O(T); dropout on the weights does not exist, because there are none. */
export class LinearAttention extends MultiHeadAttention {
  protected override context(call: AttentionCall): Tensor {
    refuseRelative('LinearAttention', call);
    const { query, memory, mask, options } = call;
    const { keys, values } = memory;
    if (!this.wants('scores', 'weights')) return linearAttention(query, keys, values, mask, options);
    return this.shown(linearParts(query, keys, values, mask, options));
  }

  override makeCache(batch: number, _room: number, like: Tensor): LinearAttentionCache {
    return new LinearAttentionCache([batch, this.numKvHeads, this.headDim, this.valueDim + 1], like);
  }

  override step(x: Tensor, cache: AttentionCache, position: AttentionPosition | null = null): Tensor {
    refuseRelative('LinearAttention', { relative: position?.scores ? {} : undefined });
    const memory = cache as LinearAttentionCache;
    const before = memory.length;
    const { query, keys, values } = this.projectSelf(x);
    const { numHeads, numKvHeads } = this;
    const context = linearAttentionStep(
      memory.state,
      position?.query?.(query, before) ?? query,
      position?.key?.(keys, before) ?? keys,
      values,
      { numHeads, numKvHeads },
    );
    memory.length += x.shape[1]!;
    return this.output.forward(this.expose('context', context));
  }
}
