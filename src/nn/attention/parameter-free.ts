/**
 * Attention without parameters: queries, keys and values are the vectors themselves, `softmax(x xᵀ / √C) x`. What
 * self-attention is before it has projections; kept for comparison.
 *
 * Source: Stanford CS224n, lecture 9 (Hewitt, 2021).
 */
import type { Tensor } from '../../core/tensor.ts';
import { attention } from '../../ops/attention/index.ts';
import { nextDropoutKey } from '../dropout-keys.ts';
import { type ScoreScale, scoreScale } from './attend.ts';
import { KeyValueCache } from './cache.ts';
import { refuseRelative } from './efficient.ts';
import { type AttendTo, AttentionLayer, type KeysAndValues } from './layer.ts';
import { Segments } from './packing.ts';

export interface ParameterFreeOptions {
  readonly dModel: number;
  readonly scale?: ScoreScale;
  readonly dropout?: number;
}

export class ParameterFreeAttention extends AttentionLayer {
  private readonly width: number;
  private readonly scale: number;
  private readonly dropout: number;

  constructor({ dModel, scale = 'sqrt', dropout = 0 }: ParameterFreeOptions) {
    super();
    this.width = dModel;
    this.scale = scoreScale(scale, dModel);
    this.dropout = dropout;
  }

  forward(x: Tensor, memory: Tensor, options: AttendTo = {}): Tensor {
    return this.attendTo(x, this.project(memory), options);
  }

  project(memory: Tensor): KeysAndValues {
    return { keys: memory, values: memory };
  }

  attendTo(
    x: Tensor,
    { keys, values }: KeysAndValues,
    { mask: visible = null, causal = false, bias = null }: AttendTo = {},
  ): Tensor {
    if (bias) refuseRelative('ParameterFreeAttention', { relative: { bias } });
    const [mask, segments] = visible instanceof Segments ? [null, visible.tensor] : [visible, null];
    const p = this.training ? this.dropout : 0;
    const key = p > 0 ? { key: nextDropoutKey() } : {};
    return attention(x, keys, values, mask, { numHeads: 1, scale: this.scale, causal, segments, p, ...key });
  }

  makeCache(batch: number, room: number, like: Tensor): KeyValueCache {
    return new KeyValueCache(batch, room, this.width, this.width, like);
  }

  step(x: Tensor, cache: KeyValueCache): Tensor {
    const causalOffset = cache.length;
    cache.append(x, x);
    const options = { numHeads: 1, scale: this.scale, causal: true, causalOffset, keyLength: cache.length };
    return attention(x, cache.keys, cache.values, null, options);
  }
}
