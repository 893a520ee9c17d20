/**
 * Self-attention with one projection for queries, keys and values.
 *
 * `[Q, K, V] = x W + b`, `headᵢ = softmax(Qᵢ Kᵢᵀ / √D) Vᵢ`, `Concat(head₁ … head_H) W_O + b_O`.
 *
 * Papers: Vaswani et al. 2017, §3.2.2, https://arxiv.org/abs/1706.03762; Radford et al. 2019 (one product for all three).
 */
import type { Tensor } from '../../core/tensor.ts';
import { ConfigError } from '../../errors.ts';
import { attention } from '../../ops/attention/index.ts';
import { attentionParts } from '../../ops/attention/reference.ts';
import { selfAttention, splitParts } from '../../ops/attention/self.ts';
import type { Window } from '../../ops/attention/window.ts';
import { slice } from '../../ops/shape/slice.ts';
import { nextDropoutKey } from '../dropout-keys.ts';
import type { Initializer } from '../initializers.ts';
import { Linear } from '../linear.ts';
import { Module, type ModuleContext } from '../module.ts';
import { KeyValueCache } from './cache.ts';
import type { Mask } from './masks.ts';

/** Sizes, dropout and initial values of self-attention. */
export interface SelfAttentionLayerOptions {
  readonly dModel: number;
  readonly numHeads: number;
  readonly bias?: boolean;
  /** Query t sees keys up to its own place only. Default true. */
  readonly causal?: boolean;
  /** How far a query sees to both sides; everywhere by default. */
  readonly window?: Window | null;
  /** Rate on the attention weights. */
  readonly dropout?: number;
  readonly initializer?: Initializer;
  readonly outputInitializer?: Initializer;
}

/** `[B, T, C]` to `[B, T, C]`, every position attending to those before it and to itself. */
export class SelfAttention extends Module {
  /** Rows: queries of all heads, then keys, then values. */
  readonly queryKeyValue: Linear;
  readonly output: Linear;
  readonly numHeads: number;
  private readonly dModel: number;
  private readonly causal: boolean;
  private readonly window: Window | null;
  private readonly dropout: number;

  /** @throws {ConfigError} when dModel is not divisible by numHeads */
  constructor(options: SelfAttentionLayerOptions, context: ModuleContext) {
    super();
    const { dModel, numHeads, bias = true, initializer, outputInitializer } = options;
    if (dModel % numHeads !== 0) {
      throw new ConfigError({
        where: 'SelfAttention',
        expected: `dModel divisible by numHeads (${numHeads})`,
        got: `dModel ${dModel}`,
      });
    }
    this.queryKeyValue = new Linear(dModel, 3 * dModel, context, {
      bias,
      ...(initializer && { initializer }),
    });
    this.output = new Linear(dModel, dModel, context, {
      bias,
      ...(outputInitializer && { initializer: outputInitializer }),
    });
    this.numHeads = numHeads;
    this.dModel = dModel;
    this.causal = options.causal ?? true;
    this.window = options.window ?? null;
    this.dropout = options.dropout ?? 0;
  }

  /**
   * @param x - `[B, T, C]`
   * @param mask - `[B|1, H|1, T|1, T]`, true where a key may be attended to
   */
  forward(x: Tensor, mask: Mask | null = null): Tensor {
    const qkv = this.queryKeyValue.forward(x); // [B, T, 3C]
    return this.output.forward(this.expose('context', this.attend(qkv, mask)));
  }

  private attend(qkv: Tensor, mask: Mask | null): Tensor {
    const { numHeads, causal, window } = this;
    const p = this.training ? this.dropout : 0;
    const key = p > 0 ? nextDropoutKey() : ([0, 0] as const);
    if (!this.wants('scores', 'weights'))
      return selfAttention(qkv, mask, { numHeads, causal, window, p, key });
    const parts = attentionParts(...splitParts(qkv), mask, {
      ...{ numHeads, numKvHeads: numHeads, causal, causalOffset: 0, window, p, key },
      ...{ scale: Math.sqrt(numHeads / this.dModel), keyLength: qkv.shape[1]! },
    });
    this.expose('scores', parts.scores);
    this.expose('weights', parts.weights);
    return parts.output;
  }

  /** Room for the keys and values of `room` tokens in each of `batch` texts. */
  makeCache(batch: number, room: number): KeyValueCache {
    return new KeyValueCache(batch, room, this.dModel, this.dModel, this.output.weight);
  }

  /** One step of decoding: the new tokens `[B, T, C]` join the cache and attend to all of it. */
  step(x: Tensor, cache: KeyValueCache): Tensor {
    const qkv = this.queryKeyValue.forward(x);
    const causalOffset = cache.length;
    cache.appendJoined(qkv);
    const query = slice(qkv, 2, 0, this.dModel);
    const context = attention(query, cache.keys, cache.values, null, {
      ...{ numHeads: this.numHeads, window: this.window, causal: true, causalOffset },
      keyLength: cache.length,
    });
    return this.output.forward(context);
  }
}
