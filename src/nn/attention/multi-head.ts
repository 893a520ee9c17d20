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
import { type RelativeScores, relativeAttention, relativeParts } from '../../ops/attention/relative.ts';
import { selfAttention } from '../../ops/attention/self.ts';
import type { Window } from '../../ops/attention/window.ts';
import { add } from '../../ops/elementwise/binary.ts';
import { slice } from '../../ops/shape/slice.ts';
import { nextDropoutKey } from '../dropout-keys.ts';
import { constant, type Initializer, t5 } from '../initializers.ts';
import { Linear, LinearPart, linearOptions } from '../linear.ts';
import { type ModuleContext, type Parameter, parameter } from '../module.ts';
import type { AttentionPosition, Places, RelativeSizes } from '../position/position.ts';
import { type ScoreScale, scoreScale } from './attend.ts';
import { KeyValueCache } from './cache.ts';
import { type AttentionCall, inRectangle } from './call.ts';
import { type Guidance, guide, isGuiding } from './guided.ts';
import { HeadNorm, timesHeads } from './heads.ts';
import { type AttendTo, type AttentionCache, AttentionLayer, type KeysAndValues } from './layer.ts';
import type { Mask } from './masks.ts';
import { Segments } from './packing.ts';

/** Sizes and switches of multi-head attention; between two texts training can draw it to the diagonal. */
export interface MultiHeadAttentionOptions extends Guidance {
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
   * One matrix makes queries, keys and values in one product (Radford et al. 2019); for self-attention. Off by default,
   * and without effect where keys are made from other vectors or are tied to the queries.
   */
  readonly joined?: boolean;
  /** First values of the projections of queries, keys and values. */
  readonly initializer?: Initializer;
  readonly outputInitializer?: Initializer;
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

/** Queries, keys and values of the same vectors. */
export interface SelfProjection extends KeysAndValues {
  readonly query: Tensor;
}

/** `softmax(Q Kᵀ / √D) V` in several heads, with projections. Paper: Vaswani et al. 2017, §3.2.2. */
export class MultiHeadAttention extends AttentionLayer {
  /** With `joined`, the matrix of all three: rows of the queries of all heads, then of the keys, then of the values. */
  readonly queryKeyValue: Linear | null;
  readonly query: Linear | LinearPart;
  readonly key: Linear | LinearPart;
  readonly value: Linear | LinearPart;
  readonly output: Linear;
  readonly queryNorm: HeadNorm | null;
  readonly keyNorm: HeadNorm | null;
  /** `[H, 1]`, or null. */
  readonly scoreGain: Parameter | null;
  /** `[H, 1]`, or null. */
  readonly gates: Parameter | null;
  readonly numHeads: number;
  readonly numKvHeads: number;
  /** D */
  readonly headDim: number;
  /** Dv */
  readonly valueDim: number;
  /** Factor on the scores. */
  readonly scale: number;
  readonly window: Window | null;
  readonly softCap: number;
  protected readonly dropout: number;
  private readonly guidance: Guidance;

  /** @throws {ConfigError} when the numbers of heads do not fit */
  constructor(options: MultiHeadAttentionOptions, context: ModuleContext) {
    super();
    checkHeads(options);
    const { dModel, numHeads, bias = true, numKvHeads = numHeads, outputInitializer } = options;
    this.headDim = options.headDim ?? dModel / numHeads;
    this.valueDim = options.valueDim ?? this.headDim;
    const projections = makeProjections(options, this.headDim, this.valueDim, context);
    this.queryKeyValue = projections.all;
    this.query = projections.query;
    this.key = projections.key;
    this.value = projections.value;
    const last = linearOptions(bias, outputInitializer);
    this.output = new Linear(numHeads * this.valueDim, dModel, context, last);
    this.queryNorm = options.qkNorm ? new HeadNorm(this.headDim, context) : null;
    this.keyNorm = options.qkNorm ? new HeadNorm(this.headDim, context) : null;
    this.scoreGain = options.learnedScale ? parameter([numHeads, 1], constant(1), context) : null;
    this.gates = options.headGates ? parameter([numHeads, 1], constant(1), context) : null;
    this.numHeads = numHeads;
    this.numKvHeads = numKvHeads;
    this.scale = scoreScale(options.scale ?? 'sqrt', this.headDim);
    this.window = options.window ?? null;
    this.softCap = options.softCap ?? 0;
    this.dropout = options.dropout ?? 0;
    this.guidance = options;
  }

  /** Whether it is the paper's mechanism with nothing beside it. */
  get isPlain(): boolean {
    return this.isSoftmaxOfProducts && this.gates === null && this.window === null;
  }

  /** Whether scores are those of the paper, a query head to a key head, up to the keys that are seen. */
  private get isSoftmaxOfProducts(): boolean {
    const isPaper = this.numKvHeads === this.numHeads && this.softCap === 0;
    return this.constructor === MultiHeadAttention && isPaper && !this.queryNorm && !this.scoreGain;
  }

  forward(x: Tensor, memory: Tensor, options: AttendTo = {}): Tensor {
    if (memory === x) return this.toItself(x, options);
    const { keys, values } = this.project(memory);
    return this.attendTo(x, { keys: turnedKeys(keys, options), values }, options);
  }

  private toItself(x: Tensor, how: AttendTo): Tensor {
    if (this.queryKeyValue && this.readsJoined(how)) {
      const { mask, causal = false } = how;
      const options = { ...this.headOptions(), causal, ...this.dropoutOptions() };
      return this.finish(selfAttention(this.queryKeyValue.forward(x), mask as Mask | null, options));
    }
    const { query, keys, values } = this.projectSelf(x);
    return this.attendWith(query, { keys: turnedKeys(keys, how), values }, how);
  }

  /** Whether a kernel takes queries, keys and values as they lie side by side. */
  private readsJoined({ mask = null, causalOffset = 0, position, bias }: AttendTo): boolean {
    const isSimple = !position && !bias && causalOffset === 0 && !(mask instanceof Segments);
    const isEven = this.isSoftmaxOfProducts && this.valueDim === this.headDim;
    return isSimple && isEven && !this.wants('scores', 'weights');
  }

  project(memory: Tensor): KeysAndValues {
    return { keys: this.readyKeys(this.key.forward(memory)), values: this.value.forward(memory) };
  }

  /** Queries `[B, T, H·D]`. */
  protected projectQuery(x: Tensor): Tensor {
    return this.readyQuery(this.query.forward(x));
  }

  /** What `project` and `projectQuery` make of the same vectors, in one product where it can be. */
  protected projectSelf(x: Tensor): SelfProjection {
    if (!this.queryKeyValue) {
      const memory = this.project(x);
      return { query: this.projectQuery(x), ...memory };
    }
    const all = this.queryKeyValue.forward(x);
    const [query, keys, values] = [this.query, this.key, this.value].map((part) =>
      (part as LinearPart).of(all),
    );
    return { query: this.readyQuery(query!), keys: this.readyKeys(keys!), values: values! };
  }

  /** Projected queries as they meet the keys, but for their places. */
  protected readyQuery(query: Tensor): Tensor {
    const normal = this.queryNorm?.forward(query) ?? query;
    return this.scoreGain ? timesHeads(normal, this.scoreGain) : normal;
  }

  private readyKeys(keys: Tensor): Tensor {
    return this.keyNorm?.forward(keys) ?? keys;
  }

  makeCache(batch: number, room: number, like: Tensor): AttentionCache {
    const { numKvHeads, headDim, valueDim } = this;
    return new KeyValueCache(batch, room, numKvHeads * headDim, numKvHeads * valueDim, like);
  }

  /** As its attention does; `window` says otherwise how far a query sees. */
  step(
    x: Tensor,
    own: AttentionCache,
    position: AttentionPosition | null = null,
    window: Window | null = this.window,
  ): Tensor {
    const cache = own as KeyValueCache;
    const before = cache.length;
    const query = this.append(x, cache, position);
    const { numHeads, numKvHeads, scale } = this;
    const options = {
      numHeads,
      numKvHeads,
      scale,
      window,
      causal: true,
      causalOffset: before,
      keyLength: cache.length,
    };
    const [sequences, queries] = x.shape as [number, number, number];
    // No query meets a key further back than its window, so that scores by distance need no longer table.
    const keys = Math.min(cache.length, queries + (window?.[0] ?? Number.POSITIVE_INFINITY));
    const sizes = { queries, keys, sequences, scale };
    const memory = { keys: cache.keys, values: cache.values };
    const call = { query, memory, mask: null, segments: null, structure: null, options };
    return this.attend(call, before, sizes, position);
  }

  /** Keys and values of new tokens join the cache; gives their queries. */
  private append(x: Tensor, cache: KeyValueCache, position: AttentionPosition | null): Tensor {
    if (this.queryKeyValue && !this.keyNorm && !position?.key) {
      const all = this.queryKeyValue.forward(x);
      cache.appendJoined(all);
      return this.readyQuery((this.query as LinearPart).of(all));
    }
    const { query, keys, values } = this.projectSelf(x);
    cache.append(position?.key?.(keys, cache.length) ?? keys, values);
    return query;
  }

  attendTo(x: Tensor, memory: KeysAndValues, how: AttendTo = {}): Tensor {
    return this.attendWith(this.projectQuery(x), memory, how);
  }

  private attendWith(query: Tensor, { keys, values }: KeysAndValues, how: AttendTo): Tensor {
    const { mask: visible = null, causal = false, causalOffset = 0, position = null, structure = null } = how;
    const [mask, segments] = visible instanceof Segments ? [null, visible] : [visible, null];
    const options = {
      ...this.headOptions(),
      causal,
      causalOffset,
      segments: segments?.tensor ?? null,
      ...this.dropoutOptions(),
    };
    const call = { query, memory: { keys, values }, mask, segments, structure, options };
    return this.attend(call, placesOf(how), this.sizes(query, keys, segments), position, how.bias);
  }

  private headOptions() {
    const { numHeads, numKvHeads, scale, window } = this;
    return { numHeads, numKvHeads, scale, window };
  }

  private dropoutOptions() {
    const p = this.training ? this.dropout : 0;
    return p > 0 ? { p, key: nextDropoutKey() } : { p };
  }

  private sizes(query: Tensor, keys: Tensor, segments: Segments | null): RelativeSizes {
    const [sequences, queries] = query.shape as [number, number, number];
    const { scale } = this;
    if (!segments) return { queries, keys: keys.shape[1]!, sequences, scale };
    const { queries: from, keys: to } = segments;
    return { queries: from.longest, keys: to.longest, sequences: from.count, scale };
  }

  private attend(
    call: Omit<AttentionCall, 'relative'>,
    places: Places,
    sizes: RelativeSizes,
    position: AttentionPosition | null,
    bias: Tensor | null = null,
  ): Tensor {
    const { query } = call; // [B, T, H·D]
    const turned = position?.query?.(query, places) ?? query;
    const scores = together(position?.scores?.(query, sizes), bias);
    const relative = this.softCap > 0 ? { ...scores, softCap: this.softCap } : scores;
    const all = this.context({ ...call, query: turned, relative });
    return this.finish(relative?.bins ? this.withValues(all, position!) : all);
  }

  private finish(context: Tensor): Tensor {
    this.expose('context', context);
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
    if (isGuiding(this.guidance))
      return inRectangle(call, (padded) => this.shown(composedAttention(padded), call.segments));
    if (this.wants('scores', 'weights')) return this.shown(composedAttention(call));
    const { keys, values } = memory;
    return relative
      ? relativeAttention(query, keys, values, mask, options, relative)
      : attention(query, keys, values, mask, options);
  }

  /**
   * Offers what a composed form made on the way, to whoever looks and to the loss that draws it to the diagonal.
   *
   * @param segments - the bounds of sequences that were packed before they were padded, or null
   */
  protected shown({ scores, weights, output }: AttentionParts, segments: Segments | null = null): Tensor {
    this.expose('scores', scores);
    this.expose('weights', weights);
    if (isGuiding(this.guidance)) guide(weights, segments, this.guidance);
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

/** The scores of positions, and those that are given besides. */
function together(scores: RelativeScores | undefined, bias: Tensor | null): RelativeScores | undefined {
  if (!bias) return scores;
  return { ...scores, bias: scores?.bias ? add(scores.bias, bias) : bias };
}

function turnedKeys(keys: Tensor, how: AttendTo): Tensor {
  return how.position?.key?.(keys, placesOf(how)) ?? keys;
}

function placesOf({ mask, places = 0 }: AttendTo): Places {
  return mask instanceof Segments ? mask.queries.positions : places;
}

/** What makes queries, keys and values, and the matrix of all three where they have one. */
function makeProjections(
  options: MultiHeadAttentionOptions,
  headDim: number,
  valueDim: number,
  context: ModuleContext,
) {
  const { dModel, numHeads, numKvHeads = numHeads, memoryWidth = dModel } = options;
  const { bias = true, tieQueryKey, initializer } = options;
  const [queries, keys, values] = [numHeads * headDim, numKvHeads * headDim, numKvHeads * valueDim];
  if (options.joined && !tieQueryKey && memoryWidth === dModel) {
    const all = new Linear(dModel, queries + keys + values, context, linearOptions(bias, initializer));
    const query = new LinearPart(all, 0, queries);
    const key = new LinearPart(all, queries, queries + keys);
    return { all, query, key, value: new LinearPart(all, queries + keys, queries + keys + values) };
  }
  const first = (width: number) =>
    linearOptions(bias, initializer ?? (options.scale === 't5' ? t5(width) : undefined));
  const query = new Linear(dModel, queries, context, first(headDim));
  const key = tieQueryKey ? query : new Linear(memoryWidth, keys, context, first(1));
  const value = new Linear(memoryWidth, values, context, linearOptions(bias, initializer));
  return { all: null, query, key, value };
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
