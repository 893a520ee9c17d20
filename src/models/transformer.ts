/**
 * The Transformer: an encoder–decoder that uses nothing but attention.
 *
 * Paper: Vaswani et al., Attention Is All You Need, 2017, https://arxiv.org/abs/1706.03762
 *
 * Shapes: B batch · S source tokens · T target tokens · C dModel · V vocabulary.
 */

import type { Device } from '../core/device.ts';
import { Random } from '../core/random.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import { ConfigError } from '../errors.ts';
import { asMask, keptMask, type Mask, paddingMask } from '../nn/attention/masks.ts';
import { Packing, Segments, type Visible } from '../nn/attention/packing.ts';
import { Embedding } from '../nn/embedding.ts';
import { LaterTokens } from '../nn/later-tokens.ts';
import { Linear } from '../nn/linear.ts';
import type { ModuleContext } from '../nn/module.ts';
import { type CopySource, PointerGenerator } from '../nn/pointer-generator.ts';
import { makePosition, type Places, type Position } from '../nn/position/index.ts';
import { Dropout } from '../nn/residual.ts';
import { BatchStructure, type SourceStructure } from '../nn/source-structure.ts';
import { crossEntropy } from '../ops/cross-entropy/index.ts';
import { reshape } from '../ops/shape/reshape.ts';
import { slice } from '../ops/shape/slice.ts';
import {
  type DecodingState,
  EncoderDecoder,
  type LossOptions,
  type PackedSequences,
  type SourceBatch,
} from './encoder-decoder.ts';
import { FusedDecoder } from './fused-decoder.ts';
import { Decoder, Encoder } from './stacks.ts';
import { type LayerCache, TransformerCache } from './transformer-cache.ts';
import {
  checkTransformerConfig,
  positionChoice,
  positionSizes,
  readsTrees,
  type StackRole,
  type TransformerConfig,
  transformerDefaults,
} from './transformer-config.ts';

/** The whole model, from ids to logits. */
export class Transformer extends EncoderDecoder {
  readonly config: TransformerConfig;
  readonly sourceEmbedding: Embedding;
  readonly targetEmbedding: Embedding;
  readonly sourcePosition: Position;
  readonly targetPosition: Position;
  readonly embeddingDropout: Dropout;
  readonly encoder: Encoder;
  readonly decoder: Decoder;
  /** Present only when the output does not use the target embedding. */
  readonly projection: Linear | null;
  /** Present only with `copy`. */
  readonly pointer: PointerGenerator | null;
  /** Present only with `blockwise`. */
  readonly later: LaterTokens | null;

  /**
   * @param config - anything left out has the value of the paper's base model
   * @throws {ConfigError} listing every field that cannot be used
   * @example
   * const model = new Transformer({ sourceVocabSize: 100, targetVocabSize: 80, dModel: 64, dFf: 128, numHeads: 4 });
   */
  constructor(
    config: Partial<TransformerConfig> & Pick<TransformerConfig, 'sourceVocabSize' | 'targetVocabSize'>,
    context: ModuleContext = { random: new Random(0, 'init') },
  ) {
    super();
    const pre = config.normPlacement === 'pre';
    this.config = checkTransformerConfig({ ...transformerDefaults, finalNorm: pre, ...config });
    const { dModel, tieEmbeddings, paddingId } = this.config;
    const embeddingOptions = { paddingId, scale: this.config.scaleEmbeddings ? Math.sqrt(dModel) : 1 };
    this.sourceEmbedding = new Embedding(this.config.sourceVocabSize, dModel, context, embeddingOptions);
    this.targetEmbedding =
      tieEmbeddings === 'all'
        ? this.sourceEmbedding
        : new Embedding(this.config.targetVocabSize, dModel, context, embeddingOptions);
    this.sourcePosition = this.positionOf('encoder', context);
    this.targetPosition = this.positionOf('decoder', context);
    this.embeddingDropout = new Dropout(this.config.dropout);
    this.encoder = new Encoder(this.config, context);
    this.decoder = new Decoder(this.config, context);
    this.projection =
      tieEmbeddings === 'none'
        ? new Linear(dModel, this.config.targetVocabSize, context, { bias: false })
        : null;
    this.pointer = this.config.copy ? new PointerGenerator(dModel, context) : null;
    const { dFf, activation, blockwise } = this.config;
    this.later = blockwise
      ? new LaterTokens({ heads: blockwise - 1, dModel, dFf, activation }, context)
      : null;
  }

  /**
   * Training pass with teacher forcing: all target positions at once.
   *
   * @param source - int32 `[B, S]`
   * @param target - int32 `[B, T]`, shifted right: starts with the begin token
   * @param sourceMask - `[B, 1, 1, S]`, true for tokens
   * @param targetMask - `[B, 1, 1, T]`, true for tokens
   * @returns logits `[B, T, V]`
   */
  forward(
    source: Tensor,
    target: Tensor,
    sourceMask: Mask | null = null,
    targetMask: Mask | null = null,
  ): Tensor {
    const memory = this.encode(source, sourceMask);
    return this.decode(target, memory, targetMask, sourceMask, source);
  }

  get maxSeqLen(): number {
    return this.config.maxSeqLen;
  }

  override get readsTrees(): boolean {
    return readsTrees(this.config);
  }

  get device(): Device {
    return this.sourceEmbedding.weight.device;
  }

  /** Cross-attention of the last layer. */
  override get alignmentPath(): string {
    return `decoder.layers.${this.decoder.layers.length - 1}.crossAttention.weights`;
  }

  override get blockSize(): number {
    return this.config.blockwise ?? 1;
  }

  override get sentinels(): number {
    return this.config.sentinels ?? 0;
  }

  override get copies(): boolean {
    return this.pointer !== null;
  }

  forwardPacked(source: PackedSequences, target: PackedSequences): Tensor {
    const { top, copied } = this.packedStates(source, target);
    return this.logits(top, copied);
  }

  /** @throws {ConfigError} for label smoothing of a model that copies: most ids are no word that it could say */
  override losses(
    source: PackedSequences,
    target: PackedSequences,
    labels: PackedSequences,
    options: LossOptions,
  ): Tensor {
    if (this.pointer && options.labelSmoothing > 0) {
      const where = 'training.labelSmoothing';
      throw new ConfigError({
        where,
        expected: '0 for a model that copies',
        got: `${options.labelSmoothing}`,
      });
    }
    const { top, copied } = this.packedStates(source, target);
    const wanted = tensor(labels.ids, [1, labels.ids.length], { dtype: 'int32', device: this.device });
    if (this.pointer)
      return this.pointer.losses(top, this.vocabularyLogits(top), wanted, copied, options.ignoreIndex);
    this.later?.contribute(top, (state) => this.vocabularyLogits(state), labels, options);
    return crossEntropy(this.logits(top), wanted, options);
  }

  /** The decoder's output `[1, N, C]` for packed sequences, and what can be copied. */
  private packedStates(source: PackedSequences, target: PackedSequences) {
    const { device } = this;
    const [from, to] = [new Packing(source.lengths, device), new Packing(target.lengths, device)];
    const sourceIds = from.pack(source.ids);
    const structure = structureOf(source.structures);
    const memory = this.encode(sourceIds, new Segments(from), from.positions, structure);
    const targetIds = this.known(to.pack(target.ids));
    const x = this.targetPosition.forward(this.targetEmbedding.forward(targetIds), to.positions);
    const top = this.decoder.forward(
      this.embeddingDropout.forward(x),
      memory,
      new Segments(to),
      new Segments(to, from),
      this.targetPosition,
    );
    const copied: CopySource = { memory, ids: sourceIds, segments: new Segments(to, from) };
    return { top, copied };
  }

  /**
   * Source ids `[B, S]` to memory `[B, S, C]`.
   *
   * @param places - of the first token, or of each token of packed sequences
   * @param structure - the trees of the sources, for a model that reads them
   */
  encode(
    source: Tensor,
    mask: Visible = null,
    places: Places = 0,
    structure: BatchStructure | null = null,
  ): Tensor {
    const padding = mask instanceof Segments ? null : mask;
    const tokens = this.sourceEmbedding.forward(this.known(source));
    const x = this.embeddingDropout.forward(this.sourcePosition.forward(tokens, places, padding, structure));
    const memory = this.encoder.forward(x, mask, this.sourcePosition, structure);
    return this.expose('memory', memory);
  }

  /**
   * Target ids `[B, T]` and memory `[B, S, C]` to logits `[B, T, V]`.
   *
   * @param source - ids `[B, S]`, from which a model with `copy` copies
   */
  decode(
    target: Tensor,
    memory: Tensor,
    mask: Mask | null = null,
    memoryMask: Mask | null = null,
    source: Tensor | null = null,
  ): Tensor {
    const x = this.targetPosition.forward(this.targetEmbedding.forward(this.known(target)));
    const dropped = this.embeddingDropout.forward(x);
    const top = this.decoder.forward(dropped, memory, mask, memoryMask, this.targetPosition);
    return this.logits(top, source && { memory, ids: source, mask: rowsOf(memoryMask) });
  }

  decodingOf(sources: SourceBatch, room: number, best?: number): DecodingState {
    const { ids, mask, batch, length } = sources;
    const { device } = this;
    const source = tensor(ids, [batch, length], { dtype: 'int32', device });
    const sourceMask = mask.includes(0) ? paddingMask(mask, batch, length, { device }) : null;
    const memory = this.encode(source, sourceMask, 0, structureOf(sources.structures));
    if (best !== undefined && !this.pointer && FusedDecoder.knows(this, best)) {
      return new FusedDecoder(this, memory, sourceMask, room);
    }
    const cache = this.startDecoding(memory, sourceMask, room, this.pointer ? source : null);
    return {
      step: (tokens) => this.step(tokens, cache),
      extend: (tokens) => this.extend(tokens, cache),
      ...(this.later && { extendAhead: (tokens: Tensor) => this.extendAhead(tokens, cache, this.later!) }),
      truncate: (kept) => cache.truncate(kept),
      select: (places) => cache.select(places),
      dispose: () => cache.dispose(),
    };
  }

  /**
   * Prepares decoding for a batch of encoded sources.
   *
   * @param room - most target tokens that will come
   * @param source - ids `[B, S]`, from which a model with `copy` copies
   */
  startDecoding(
    memory: Tensor,
    memoryMask: Mask | null,
    room: number,
    source: Tensor | null = null,
  ): TransformerCache {
    const layers = this.decoder.layers.map(({ selfAttention, crossAttention }): LayerCache => {
      const { keys, values } = crossAttention.project(memory);
      return {
        self: selfAttention.makeCache(memory.shape[0]!, room, memory),
        cross: { keys: keys.keep(), values: values.keep() },
      };
    });
    const mask = memoryMask ? keptMask(memoryMask) : null;
    return new TransformerCache(layers, mask, source && { memory: memory.keep(), ids: source.keep() });
  }

  /**
   * Continues a batch by new target tokens.
   *
   * @param target - int32 `[B, T]`: the begin token or a forced prefix at first, then one token a step
   * @returns logits after the last of them, `[B, V]`
   */
  step(target: Tensor, cache: TransformerCache): Tensor {
    const top = this.grow(target, cache);
    const [batch, length] = top.shape as [number, number, number];
    const last = length === 1 ? top : lastOf(top);
    const logits = this.logits(last, this.copied(cache)); // [B, 1, V]
    return reshape(logits, [batch, logits.shape[2]!]);
  }

  /** As `step`, with the logits after each of the new tokens, `[B, T, V]`. */
  extend(target: Tensor, cache: TransformerCache): Tensor {
    return this.logits(this.grow(target, cache), this.copied(cache));
  }

  /** As `extend`, with what the heads for later tokens say. */
  private extendAhead(target: Tensor, cache: TransformerCache, later: LaterTokens) {
    const top = this.grow(target, cache);
    return { logits: this.logits(top), ahead: later.likeliest(top, (state) => this.vocabularyLogits(state)) };
  }

  /** The new tokens join the cache: ids `[B, T]` to the decoder's output `[B, T, C]`. */
  private grow(target: Tensor, cache: TransformerCache): Tensor {
    const x = this.targetPosition.forward(this.targetEmbedding.forward(this.known(target)), cache.length);
    return this.decoder.step(this.embeddingDropout.forward(x), cache, this.targetPosition);
  }

  /** What a model with `copy` copies from while it decodes. */
  private copied({ source, memoryMask }: TransformerCache): CopySource | null {
    return source && { ...source, mask: rowsOf(memoryMask) };
  }

  private positionOf(role: StackRole, context: ModuleContext): Position {
    return makePosition(positionChoice(this.config, role), positionSizes(this.config, role), context);
  }

  private logits(x: Tensor, source: CopySource | null = null): Tensor {
    const logits = this.vocabularyLogits(x);
    const all = this.pointer && source ? this.pointer.forward(x, logits, source) : logits;
    return this.expose('logits', all);
  }

  private vocabularyLogits(x: Tensor): Tensor {
    return this.projection ? this.projection.forward(x) : this.targetEmbedding.project(x);
  }

  /** Ids as they are embedded: those beyond the vocabulary as unknown. */
  private known(ids: Tensor): Tensor {
    const { copy, targetVocabSize, unknownId } = this.config;
    if (!copy) return ids;
    const values = Int32Array.from(ids.data, (id) => (id < targetVocabSize ? id : unknownId));
    return tensor(values, ids.shape, { dtype: 'int32', device: ids.device });
  }
}

/** What is known of all sources of a batch. */
function structureOf(structures: readonly SourceStructure[] | undefined): BatchStructure | null {
  return structures ? new BatchStructure(structures) : null;
}

/** A padding mask `[B, 1, 1, S]` as `[B, 1, S]`. */
function rowsOf(mask: Mask | null): Mask | undefined {
  return mask ? asMask(mask.view([mask.shape[0]!, 1, mask.shape.at(-1)!])) : undefined;
}

/** `[B, T, C]` to `[B, 1, C]` */
function lastOf(x: Tensor): Tensor {
  return slice(x, 1, -1);
}
