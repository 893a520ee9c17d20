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
import { type AttentionHooks, type AttentionParts, attentionParts } from '../../ops/attention/reference.ts';
import { relativeAttention, relativeParts } from '../../ops/attention/relative.ts';
import type { Window } from '../../ops/attention/window.ts';
import { add } from '../../ops/elementwise/binary.ts';
import { slice } from '../../ops/shape/slice.ts';
import { nextDropoutKey } from '../dropout-keys.ts';
import { constant, t5 } from '../initializers.ts';
import { Linear } from '../linear.ts';
import { type ModuleContext, type Parameter, parameter } from '../module.ts';
import type { AttentionPosition, Places, RelativeSizes } from '../position/position.ts';
import { type ScoreScale, scoreScale } from './attend.ts';
import { KeyValueCache } from './cache.ts';
import { type AttentionCall, inRectangle } from './call.ts';
import { HeadNorm, timesHeads } from './heads.ts';
import { type AttendTo, type AttentionCache, AttentionLayer, type KeysAndValues } from './layer.ts';
import { Segments } from './packing.ts';

/** Sizes and switches of multi-head attention. */
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
  /**
   * Heads of keys and values, each for a group of query heads; as many as query heads by default. One is multi-query
   * attention (Shazeer 2019, https://arxiv.org/abs/1911.02150), more are grouped (Ainslie et al. 2023,
   * https://arxiv.org/abs/2305.13245).
   */
  readonly numKvHeads?: number | undefined;
  /** Queries and keys share their projection (Kitaev et al. 2020, https://arxiv.org/abs/2001.04451). */
  readonly tieQueryKey?: boolean;
  /** Each head's queries and keys are normalised (Dehghani et al. 2023, https://arxiv.org/abs/2302.05442). */
  readonly qkNorm?: boolean;
  /** Scores x become cap · tanh(x / cap) (Gemma 2, 2024, https://arxiv.org/abs/2408.00118); 0 leaves them. */
  readonly softCap?: number;
  /** Scores of each head are multiplied by a learned factor besides, 1 at first. */
  readonly learnedScale?: boolean;
  /** Each head's context is multiplied by a learned gate, 1 at first (Michel et al. 2019, https://arxiv.org/abs/1905.10650). */
  readonly headGates?: boolean;
}

/** `softmax(Q Kᵀ / √D) V` in several heads, with projections. Paper: Vaswani et al. 2017, §3.2.2. */
export class MultiHeadAttention extends AttentionLayer {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly output: Linear;
  readonly queryNorm: HeadNorm | null;
  readonly keyNorm: HeadNorm | null;
  /** `[H, 1]`, or null. */
  readonly scoreGain: Parameter | null;
  /** `[H, 1]`, or null. */
  readonly gates: Parameter | null;
  readonly numHeads: number;
  readonly numKvHeads: number;
  /** Factor on the scores. */
  readonly scale: number;
  readonly window: Window | null;
  readonly softCap: number;
  protected readonly dropout: number;

  /** @throws {ConfigError} when the numbers of heads do not fit */
  constructor(options: MultiHeadAttentionOptions, context: ModuleContext) {
    super();
    checkHeads(options);
    const { dModel, numHeads, bias = true, memoryWidth = dModel, numKvHeads = numHeads } = options;
    const headDim = options.headDim ?? dModel / numHeads;
    const valueDim = options.valueDim ?? headDim;
    const inT5 = (width: number) => (options.scale === 't5' ? { initializer: t5(width) } : {});
    this.query = new Linear(dModel, numHeads * headDim, context, { bias, ...inT5(headDim) });
    this.key = options.tieQueryKey
      ? this.query
      : new Linear(memoryWidth, numKvHeads * headDim, context, { bias, ...inT5(1) });
    this.value = new Linear(memoryWidth, numKvHeads * valueDim, context, { bias });
    this.output = new Linear(numHeads * valueDim, dModel, context, { bias });
    this.queryNorm = options.qkNorm ? new HeadNorm(headDim, context) : null;
    this.keyNorm = options.qkNorm ? new HeadNorm(headDim, context) : null;
    this.scoreGain = options.learnedScale ? parameter([numHeads, 1], constant(1), context) : null;
    this.gates = options.headGates ? parameter([numHeads, 1], constant(1), context) : null;
    this.numHeads = numHeads;
    this.numKvHeads = numKvHeads;
    this.scale = scoreScale(options.scale ?? 'sqrt', headDim);
    this.window = options.window ?? null;
    this.softCap = options.softCap ?? 0;
    this.dropout = options.dropout ?? 0;
  }

  /** Whether it is the paper's mechanism with nothing beside it. */
  get isPlain(): boolean {
    const extras = [this.queryNorm, this.scoreGain, this.gates, this.window];
    const isPaper = this.numKvHeads === this.numHeads && this.softCap === 0;
    return this.constructor === MultiHeadAttention && isPaper && extras.every((extra) => extra === null);
  }

  forward(x: Tensor, memory: Tensor, options: AttendTo = {}): Tensor {
    const { keys, values } = this.project(memory);
    const turned = options.position?.key?.(keys, placesOf(options)) ?? keys;
    return this.attendTo(x, { keys: turned, values }, options);
  }

  project(memory: Tensor): KeysAndValues {
    const keys = this.key.forward(memory);
    return { keys: this.keyNorm?.forward(keys) ?? keys, values: this.value.forward(memory) };
  }

  /** Queries `[B, T, H·D]`. */
  protected projectQuery(x: Tensor): Tensor {
    const query = this.query.forward(x);
    const normal = this.queryNorm?.forward(query) ?? query;
    return this.scoreGain ? timesHeads(normal, this.scoreGain) : normal;
  }

  makeCache(batch: number, room: number, like: Tensor): AttentionCache {
    return new KeyValueCache(batch, room, this.key.weight.shape[0]!, this.value.weight.shape[0]!, like);
  }

  /** As its attention does; `window` says otherwise how far a query sees. */
  step(
    x: Tensor,
    own: AttentionCache,
    position: AttentionPosition | null = null,
    window: Window | null = this.window,
  ): Tensor {
    const cache = own as KeyValueCache;
    const added = this.project(x);
    const before = cache.length;
    cache.append(position?.key?.(added.keys, before) ?? added.keys, added.values);
    const options = {
      ...this.headOptions(),
      window,
      causal: true,
      causalOffset: before,
      keyLength: cache.length,
    };
    const [sequences, queries] = x.shape as [number, number, number];
    // No query meets a key further back than its window, so that scores by distance need no longer table.
    const keys = Math.min(cache.length, queries + (window?.[0] ?? Number.POSITIVE_INFINITY));
    const sizes = { queries, keys, sequences, scale: this.scale };
    const memory = { keys: cache.keys, values: cache.values };
    const call = { memory, mask: null, segments: null, structure: null, options };
    return this.attend(x, call, before, sizes, position);
  }

  attendTo(x: Tensor, { keys, values }: KeysAndValues, how: AttendTo = {}): Tensor {
    const { mask: visible = null, causal = false, causalOffset = 0, position = null, structure = null } = how;
    const [mask, segments] = visible instanceof Segments ? [null, visible] : [visible, null];
    const p = this.training ? this.dropout : 0;
    const options = {
      ...this.headOptions(),
      causal,
      causalOffset,
      segments: segments?.tensor ?? null,
      p,
      ...(p > 0 && { key: nextDropoutKey() }),
    };
    const call = { memory: { keys, values }, mask, segments, structure, options };
    return this.attend(x, call, placesOf(how), this.sizes(x, keys, segments), position);
  }

  private headOptions() {
    const { numHeads, numKvHeads, scale, window } = this;
    return { numHeads, numKvHeads, scale, window };
  }

  private sizes(x: Tensor, keys: Tensor, segments: Segments | null): RelativeSizes {
    const [sequences, queries] = x.shape as [number, number, number];
    const { scale } = this;
    if (!segments) return { queries, keys: keys.shape[1]!, sequences, scale };
    const { queries: from, keys: to } = segments;
    return { queries: from.longest, keys: to.longest, sequences: from.count, scale };
  }

  private attend(
    x: Tensor,
    call: Omit<AttentionCall, 'query' | 'relative'>,
    places: Places,
    sizes: RelativeSizes,
    position: AttentionPosition | null,
  ): Tensor {
    const query = this.projectQuery(x); // [B, T, H·D]
    const turned = position?.query?.(query, places) ?? query;
    const scores = position?.scores?.(query, sizes);
    const relative = this.softCap > 0 ? { ...scores, softCap: this.softCap } : scores;
    const all = this.context({ ...call, query: turned, relative });
    const context = this.expose('context', relative?.bins ? this.withValues(all, position!) : all);
    return this.output.forward(this.gates ? timesHeads(context, this.gates) : context);
  }

  /** The context and what the weights summed by distance, which stand behind it, add to it. */
  private withValues(all: Tensor, position: AttentionPosition): Tensor {
    const width = this.output.weight.shape[1]!;
    return add(slice(all, 2, 0, width), position.values!(slice(all, 2, width)));
  }

  /** `[B, T, H·Dv]`, before gates and the output projection; with the weights summed by distance where they are wanted. */
  protected context(call: AttentionCall): Tensor {
    // Scores one by one belong to rectangles, not to rows of sequences.
    if (call.segments && call.relative?.bias) return inRectangle(call, (padded) => this.context(padded));
    const { query, memory, mask, options, relative } = call;
    if (this.wants('scores', 'weights')) return this.shown(composedAttention(call));
    const { keys, values } = memory;
    return relative
      ? relativeAttention(query, keys, values, mask, options, relative)
      : attention(query, keys, values, mask, options);
  }

  /** Offers what a composed form made on the way. */
  protected shown({ scores, weights, output }: AttentionParts): Tensor {
    this.expose('scores', scores);
    this.expose('weights', weights);
    return output;
  }
}

/** Attention in plain ops, with every intermediate in the open, and perhaps another mechanism in places. */
export function composedAttention(call: AttentionCall, hooks: AttentionHooks = {}): AttentionParts {
  const { query, memory, mask, options, relative } = call;
  const { keys, values } = memory;
  if (relative) return relativeParts(query, keys, values, mask, options, relative, hooks);
  const params = attentionParams(query, keys, options);
  return attentionParts(query, keys, values, mask, params, options.segments, hooks);
}

function placesOf({ mask, places = 0 }: AttendTo): Places {
  return mask instanceof Segments ? mask.queries.positions : places;
}

function checkHeads(options: MultiHeadAttentionOptions): void {
  const { dModel, numHeads, numKvHeads = numHeads, memoryWidth = dModel, tieQueryKey } = options;
  const fail = (expected: string, got: string, hint: string): never => {
    throw new ConfigError({ where: 'MultiHeadAttention', expected, got, hint });
  };
  if (options.headDim === undefined && dModel % numHeads !== 0) {
    const hint = `numHeads could be ${divisors(dModel).join(', ')}`;
    fail(`dModel divisible by numHeads (${numHeads}), or a headDim`, `dModel ${dModel}`, hint);
  }
  if (numHeads % numKvHeads !== 0) {
    const hint = `numKvHeads could be ${divisors(numHeads).join(', ')}`;
    fail(`numHeads (${numHeads}) to be a multiple of numKvHeads`, String(numKvHeads), hint);
  }
  if (tieQueryKey && (numKvHeads !== numHeads || memoryWidth !== dModel)) {
    const hint = 'give keys the heads and the width of the queries, or leave tieQueryKey out';
    fail('keys like queries for tieQueryKey', `${numKvHeads} key heads for ${numHeads} query heads`, hint);
  }
}

function divisors(n: number): number[] {
  return Array.from({ length: Math.min(n, 64) }, (_, i) => i + 1).filter((d) => n % d === 0);
}
