/**
 * Multi-head attention.
 *
 * `MultiHead(Q, K, V) = Concat(head₁ … head_H) W_O`, `headᵢ = softmax(Qᵢ Kᵢᵀ / √D) Vᵢ`.
 *
 * Paper: Vaswani et al., Attention Is All You Need, 2017, §3.2.2, https://arxiv.org/abs/1706.03762
 */
import type { Tensor } from '../../core/tensor.ts';
import { ConfigError } from '../../errors.ts';
import { attention, attentionParams } from '../../ops/attention/index.ts';
import { attentionParts } from '../../ops/attention/reference.ts';
import type { Window } from '../../ops/attention/window.ts';
import { nextDropoutKey } from '../dropout-keys.ts';
import { Linear } from '../linear.ts';
import { Module, type ModuleContext } from '../module.ts';
import { type ScoreScale, scoreScale } from './attend.ts';
import type { KeyValueCache } from './cache.ts';
import { Segments, type Visible } from './packing.ts';

/** Sizes and dropout of multi-head attention. */
export interface MultiHeadAttentionOptions {
  /** Width of queries, of the output, and of keys and values unless `memoryWidth` says otherwise. */
  readonly dModel: number;
  readonly numHeads: number;
  /** Width of the queries and keys of a head; dModel / numHeads by default. */
  readonly headDim?: number;
  /** Width of the values of a head; `headDim` by default. */
  readonly valueDim?: number;
  /** Width of what keys and values are made from. */
  readonly memoryWidth?: number;
  readonly bias?: boolean;
  /** Rate on the attention weights. */
  readonly dropout?: number;
  readonly scale?: ScoreScale;
  /** How far a query sees to both sides; everywhere by default. */
  readonly window?: Window | null;
}

export interface AttendTo {
  /** `[B|1, H|1, T|1, S]`, true where a key may be attended to; or the bounds of packed sequences. */
  readonly mask?: Visible;
  /** Query t sees keys up to its own place only. */
  readonly causal?: boolean;
}

/** Key and value vectors of a memory, `[B, S, H·D]` and `[B, S, H·Dv]`. */
export interface KeysAndValues {
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** `softmax(Q Kᵀ / √D) V` in several heads, with projections. Paper: Vaswani et al. 2017, §3.2.2. */
export class MultiHeadAttention extends Module {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly output: Linear;
  readonly numHeads: number;
  /** Factor on the scores. */
  readonly scale: number;
  readonly window: Window | null;
  private readonly dropout: number;

  /** @throws {ConfigError} when dModel is not divisible by numHeads and no head width is given */
  constructor(options: MultiHeadAttentionOptions, context: ModuleContext) {
    super();
    const { dModel, numHeads, bias = true, memoryWidth = dModel } = options;
    if (options.headDim === undefined && dModel % numHeads !== 0) {
      throw new ConfigError({
        where: 'MultiHeadAttention',
        expected: `dModel divisible by numHeads (${numHeads}), or a headDim`,
        got: `dModel ${dModel}`,
        hint: `numHeads could be ${divisors(dModel).join(', ')}`,
      });
    }
    const headDim = options.headDim ?? dModel / numHeads;
    const valueDim = options.valueDim ?? headDim;
    this.query = new Linear(dModel, numHeads * headDim, context, { bias });
    this.key = new Linear(memoryWidth, numHeads * headDim, context, { bias });
    this.value = new Linear(memoryWidth, numHeads * valueDim, context, { bias });
    this.output = new Linear(numHeads * valueDim, dModel, context, { bias });
    this.numHeads = numHeads;
    this.scale = scoreScale(options.scale ?? 'sqrt', headDim);
    this.window = options.window ?? null;
    this.dropout = options.dropout ?? 0;
  }

  /**
   * @param x - `[B, T, C]`, from which the queries come
   * @param memory - `[B, S, C]`, from which keys and values come; `x` itself in self-attention
   * @returns `[B, T, C]`
   */
  forward(x: Tensor, memory: Tensor, options: AttendTo = {}): Tensor {
    return this.attendTo(x, this.project(memory), options);
  }

  /** Keys and values of a memory, to be used by many steps of decoding. */
  project(memory: Tensor): KeysAndValues {
    return { keys: this.key.forward(memory), values: this.value.forward(memory) };
  }

  /** One step of self-attention in decoding: the new tokens join the cache and attend to all of it. */
  step(x: Tensor, cache: KeyValueCache): Tensor {
    const { keys, values } = this.project(x);
    const before = cache.length;
    cache.append(keys, values);
    const query = this.query.forward(x);
    const context = attention(query, cache.keys, cache.values, null, {
      numHeads: this.numHeads,
      scale: this.scale,
      window: this.window,
      causal: true,
      causalOffset: before,
      keyLength: cache.length,
    });
    return this.output.forward(context);
  }

  /** Attention of `x` to keys and values that are there already. */
  attendTo(
    x: Tensor,
    { keys, values }: KeysAndValues,
    { mask: visible = null, causal = false }: AttendTo = {},
  ): Tensor {
    const [mask, segments] = visible instanceof Segments ? [null, visible.tensor] : [visible, null];
    const query = this.query.forward(x); // [B, T, H·D]
    const p = this.training ? this.dropout : 0;
    const options = {
      numHeads: this.numHeads,
      scale: this.scale,
      window: this.window,
      causal,
      segments,
      p,
      ...(p > 0 && { key: nextDropoutKey() }),
    };
    if (!this.wants('scores', 'weights')) {
      return this.output.forward(this.expose('context', attention(query, keys, values, mask, options)));
    }
    const params = attentionParams(query, keys, options);
    const parts = attentionParts(query, keys, values, mask, params, segments);
    this.expose('scores', parts.scores);
    this.expose('weights', parts.weights);
    return this.output.forward(this.expose('context', parts.output));
  }
}

function divisors(n: number): number[] {
  return Array.from({ length: Math.min(n, 64) }, (_, i) => i + 1).filter((d) => n % d === 0);
}
