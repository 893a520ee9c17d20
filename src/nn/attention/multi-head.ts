/**
 * Multi-head attention.
 *
 * `MultiHead(Q, K, V) = Concat(head₁ … head_H) W_O`, `headᵢ = softmax(Qᵢ Kᵢᵀ / √D) Vᵢ`.
 *
 * Paper: Vaswani et al., Attention Is All You Need, 2017, §3.2.2, https://arxiv.org/abs/1706.03762
 */
import type { Tensor } from '../../core/tensor.ts';
import { ConfigError } from '../../errors.ts';
import { type AttentionOptions, attention, attentionParams } from '../../ops/attention/index.ts';
import { type AttentionParts, attentionParts } from '../../ops/attention/reference.ts';
import { type RelativeScores, relativeAttention, relativeParts } from '../../ops/attention/relative.ts';
import type { Window } from '../../ops/attention/window.ts';
import { add } from '../../ops/elementwise/binary.ts';
import { slice } from '../../ops/shape/slice.ts';
import { nextDropoutKey } from '../dropout-keys.ts';
import { Linear } from '../linear.ts';
import type { ModuleContext } from '../module.ts';
import type { AttentionPosition, Places, RelativeSizes } from '../position/position.ts';
import { type ScoreScale, scoreScale } from './attend.ts';
import { KeyValueCache } from './cache.ts';
import { type AttendTo, AttentionLayer, type KeysAndValues } from './layer.ts';
import type { Mask } from './masks.ts';
import { Segments } from './packing.ts';

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

/** `softmax(Q Kᵀ / √D) V` in several heads, with projections. Paper: Vaswani et al. 2017, §3.2.2. */
export class MultiHeadAttention extends AttentionLayer {
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

  forward(x: Tensor, memory: Tensor, options: AttendTo = {}): Tensor {
    const { keys, values } = this.project(memory);
    const turned = options.position?.key?.(keys, placesOf(options)) ?? keys;
    return this.attendTo(x, { keys: turned, values }, options);
  }

  project(memory: Tensor): KeysAndValues {
    return { keys: this.key.forward(memory), values: this.value.forward(memory) };
  }

  makeCache(batch: number, room: number, like: Tensor): KeyValueCache {
    return new KeyValueCache(batch, room, this.key.weight.shape[0]!, this.value.weight.shape[0]!, like);
  }

  step(x: Tensor, cache: KeyValueCache, position: AttentionPosition | null = null): Tensor {
    const { keys, values } = this.project(x);
    const before = cache.length;
    cache.append(position?.key?.(keys, before) ?? keys, values);
    const options = {
      numHeads: this.numHeads,
      scale: this.scale,
      window: this.window,
      causal: true,
      causalOffset: before,
      keyLength: cache.length,
    };
    const [sequences, queries] = x.shape as [number, number, number];
    const sizes = { queries, keys: cache.length, sequences, scale: this.scale };
    const query = this.query.forward(x);
    const turned = position?.query?.(query, before) ?? query;
    const relative = position?.scores?.(query, sizes);
    const memory = { keys: cache.keys, values: cache.values };
    return this.output.forward(this.context(turned, memory, null, options, relative, position));
  }

  attendTo(x: Tensor, { keys, values }: KeysAndValues, how: AttendTo = {}): Tensor {
    const { mask: visible = null, causal = false, position = null } = how;
    const [mask, segments] = visible instanceof Segments ? [null, visible] : [visible, null];
    const query = this.query.forward(x); // [B, T, H·D]
    const p = this.training ? this.dropout : 0;
    const options = {
      numHeads: this.numHeads,
      scale: this.scale,
      window: this.window,
      causal,
      segments: segments?.tensor ?? null,
      p,
      ...(p > 0 && { key: nextDropoutKey() }),
    };
    const turned = position?.query?.(query, placesOf(how)) ?? query;
    const relative = position?.scores?.(query, this.sizes(x, keys, segments));
    return this.output.forward(this.context(turned, { keys, values }, mask, options, relative, position));
  }

  private sizes(x: Tensor, keys: Tensor, segments: Segments | null): RelativeSizes {
    const [sequences, queries] = x.shape as [number, number, number];
    const { scale } = this;
    if (!segments) return { queries, keys: keys.shape[1]!, sequences, scale };
    return {
      queries: segments.queries.longest,
      keys: segments.keys.longest,
      sequences: segments.queries.count,
      scale,
    };
  }

  /** `[B, T, H·Dv]`, before the output projection. */
  private context(
    query: Tensor,
    { keys, values }: KeysAndValues,
    mask: Mask | null,
    options: AttentionOptions,
    relative: RelativeScores | undefined,
    position: AttentionPosition | null,
  ): Tensor {
    const isSeen = this.wants('scores', 'weights');
    if (!relative) {
      if (!isSeen) return this.expose('context', attention(query, keys, values, mask, options));
      const params = attentionParams(query, keys, options);
      const parts = attentionParts(query, keys, values, mask, params, options.segments);
      return this.expose('context', this.shown(parts));
    }
    const all = isSeen
      ? this.shown(relativeParts(query, keys, values, mask, options, relative))
      : relativeAttention(query, keys, values, mask, options, relative);
    const width = this.output.weight.shape[1]!;
    if (!relative.bins) return this.expose('context', all);
    const bins = position!.values!(slice(all, 2, width));
    return this.expose('context', add(slice(all, 2, 0, width), bins));
  }

  private shown({ scores, weights, output }: AttentionParts): Tensor {
    this.expose('scores', scores);
    this.expose('weights', weights);
    return output;
  }
}

function placesOf({ mask, places = 0 }: AttendTo): Places {
  return mask instanceof Segments ? mask.queries.positions : places;
}

function divisors(n: number): number[] {
  return Array.from({ length: Math.min(n, 64) }, (_, i) => i + 1).filter((d) => n % d === 0);
}
