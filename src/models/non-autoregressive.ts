/**
 * The non-autoregressive Transformer: all target tokens in one parallel pass of the decoder, each without knowing the
 * others. With `masking: random` the same model decodes by mask-predict: the least certain tokens are hidden and
 * written again, knowing the rest.
 *
 * `P(y | x) = P(T | x) Π_t P(y_t | x, T)`, T with the end token.
 *
 * Papers: Gu et al., Non-Autoregressive Neural Machine Translation, 2017, https://arxiv.org/abs/1711.02281;
 * Ghazvininejad et al., Mask-Predict, 2019, https://arxiv.org/abs/1904.09324. The decoder is given START at every
 * place, with positions, and not copies of the source.
 *
 * Shapes: n texts · N target tokens of all texts · C dModel · V vocabulary.
 */
import type { Device } from '../core/device.ts';
import { Random } from '../core/random.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import { HeedError } from '../errors.ts';
import { Packing, Segments } from '../nn/attention/packing.ts';
import { nextDropoutKey } from '../nn/dropout-keys.ts';
import { Embedding } from '../nn/embedding.ts';
import { Linear } from '../nn/linear.ts';
import type { ModuleContext } from '../nn/module.ts';
import { makePosition, type Position } from '../nn/position/index.ts';
import { Dropout } from '../nn/residual.ts';
import { crossEntropy } from '../ops/cross-entropy/index.ts';
import { add, mul } from '../ops/elementwise/binary.ts';
import { embedding } from '../ops/embedding/index.ts';
import { matmul } from '../ops/matmul/index.ts';
import { reshape } from '../ops/shape/reshape.ts';
import {
  type DecodingState,
  EncoderDecoder,
  type LossOptions,
  type PackedSequences,
  type SourceBatch,
  type WholeOptions,
  type WholeText,
} from './encoder-decoder.ts';
import {
  checkNonAutoregressiveConfig,
  type NonAutoregressiveConfig,
  nonAutoregressiveDefaults,
} from './non-autoregressive-config.ts';
import { Decoder, Encoder } from './stacks.ts';
import { checkTransformerConfig, positionSizes, transformerDefaults } from './transformer-config.ts';
import { allStart, type ParallelMemory, type ParallelWriter, writeInParallel } from './write-in-parallel.ts';

/** The whole model, from ids to logits. */
export class NonAutoregressive extends EncoderDecoder implements ParallelWriter {
  readonly config: NonAutoregressiveConfig;
  readonly sourceEmbedding: Embedding;
  readonly targetEmbedding: Embedding;
  readonly sourcePosition: Position;
  readonly targetPosition: Position;
  readonly encoder: Encoder;
  readonly decoder: Decoder;
  readonly projection: Linear;
  /** Mean of the encoder's output to a score for each length; null where the end token says it. */
  readonly lengthProjection: Linear | null;
  private readonly embeddingDropout: Dropout;

  /**
   * @param config - anything left out has the value of `nonAutoregressiveDefaults`
   * @throws {ConfigError} listing every field that cannot be used
   * @example
   * const model = new NonAutoregressive({ sourceVocabSize: 100, targetVocabSize: 80, length: 'end' });
   */
  constructor(
    config: Partial<NonAutoregressiveConfig> &
      Pick<NonAutoregressiveConfig, 'sourceVocabSize' | 'targetVocabSize'>,
    context: ModuleContext = { random: new Random(0, 'init') },
  ) {
    super();
    this.config = checkNonAutoregressiveConfig({ ...nonAutoregressiveDefaults, ...config });
    const { sourceVocabSize, targetVocabSize, dModel, dropout, paddingId, maxSeqLen } = this.config;
    const { normPlacement, length, ...own } = this.config;
    const finalNorm = normPlacement === 'pre';
    const parts = checkTransformerConfig({ ...transformerDefaults, ...own, normPlacement, finalNorm });
    const table = { paddingId, scale: Math.sqrt(dModel) };
    this.sourceEmbedding = new Embedding(sourceVocabSize, dModel, context, table);
    this.targetEmbedding = new Embedding(targetVocabSize, dModel, context, table);
    const sizes = positionSizes(parts, 'encoder'); // the decoder is not causal either
    this.sourcePosition = makePosition(parts.position, sizes, context);
    this.targetPosition = makePosition(parts.position, sizes, context);
    this.encoder = new Encoder(parts, context);
    this.decoder = new Decoder(parts, context);
    this.projection = new Linear(dModel, targetVocabSize, context, { bias: false });
    this.lengthProjection = length === 'predict' ? new Linear(dModel, maxSeqLen + 1, context) : null;
    this.embeddingDropout = new Dropout(dropout);
  }

  override get maxSeqLen(): number {
    return this.config.maxSeqLen;
  }

  override get device(): Device {
    return this.sourceEmbedding.weight.device;
  }

  get iterations(): number {
    return this.config.iterations;
  }

  get predictsLength(): boolean {
    return this.lengthProjection !== null;
  }

  /** Cross-attention of the last layer. */
  override get alignmentPath(): string {
    return `decoder.layers.${this.decoder.layers.length - 1}.crossAttention.weights`;
  }

  /** Places that are written for a source of S tokens when the end token says where the text ends: 2 S + 10. */
  roomFor(sourceLength: number): number {
    return Math.min(this.maxSeqLen, 2 * sourceLength + 10);
  }

  /** Sources to memory. */
  encode(source: PackedSequences): ParallelMemory {
    const packing = new Packing(source.lengths, this.device);
    const x = this.sourceEmbedding.forward(packing.pack(source.ids));
    const placed = this.embeddingDropout.forward(this.sourcePosition.forward(x, packing.positions));
    const states = this.encoder.forward(placed, new Segments(packing), this.sourcePosition);
    return { states: this.expose('memory', states), packing };
  }

  /** One pass of the decoder: inputs (START where a token is hidden) to its output `[1, N, C]`. */
  private top(memory: ParallelMemory, inputs: PackedSequences): Tensor {
    const to = new Packing(inputs.lengths, this.device);
    const x = this.targetEmbedding.forward(to.pack(inputs.ids));
    const placed = this.embeddingDropout.forward(this.targetPosition.forward(x, to.positions));
    const bounds = [new Segments(to), new Segments(to, memory.packing)] as const;
    return this.decoder.forward(placed, memory.states, ...bounds, this.targetPosition, false);
  }

  /** One pass of the decoder, to the logits of every place, `[1, N, V]`. */
  decode(memory: ParallelMemory, inputs: PackedSequences): Tensor {
    return this.logits(this.top(memory, inputs));
  }

  private logits(top: Tensor): Tensor {
    return this.expose('logits', this.projection.forward(top));
  }

  /** Logits of the lengths 0 … maxSeqLen of the targets, `[n, maxSeqLen + 1]`, from the mean of each source's states. */
  lengthLogits({ states, packing }: ParallelMemory): Tensor {
    const { starts, tokens, count } = packing;
    const shares = new Float64Array(count * tokens);
    for (let n = 0; n < count; n++) {
      const [from, to] = [starts[n]!, starts[n + 1]!];
      shares.fill(1 / (to - from), n * tokens + from, n * tokens + to);
    }
    const mean = tensor(shares, [count, tokens], { device: this.device });
    return this.lengthProjection!.forward(matmul(mean, reshape(states, [tokens, -1])));
  }

  forwardPacked(source: PackedSequences, target: PackedSequences): Tensor {
    return this.decode(this.encode(source), allStart(target.lengths, target.ids[0] ?? 0));
  }

  /** Cross-entropy of every hidden label, and of the length at the last label of each text. */
  override losses(
    source: PackedSequences,
    target: PackedSequences,
    labels: PackedSequences,
    options: LossOptions,
  ): Tensor {
    const memory = this.encode(source);
    const start = target.ids[0] ?? 0;
    if (!this.lengthProjection) {
      const logits = this.logits(this.longEnough(memory, labels, start));
      return crossEntropy(logits, this.places(labels.ids), options);
    }
    const hidden = this.training && this.config.masking === 'random' ? randomlyHidden(labels) : undefined;
    const inputs = hidden
      ? { ids: labels.ids.map((id, i) => (hidden[i] ? start : id)), lengths: labels.lengths }
      : allStart(labels.lengths, start);
    const wanted = hidden ? labels.ids.map((id, i) => (hidden[i] ? id : options.ignoreIndex)) : labels.ids;
    const tokenLosses = crossEntropy(this.decode(memory, inputs), this.places(wanted), options);
    return add(tokenLosses, this.lengthLosses(memory, labels));
  }

  /** The decoder's output at the labels' places, `[1, N, C]`, of a pass that does not know how many they are. */
  private longEnough(memory: ParallelMemory, labels: PackedSequences, start: number): Tensor {
    const { starts, count } = memory.packing;
    const lengths = Array.from({ length: count }, (_, n) =>
      Math.max(this.roomFor(starts[n + 1]! - starts[n]!), labels.lengths[n]!),
    );
    const top = this.top(memory, allStart(lengths, start)); // [1, Σ lengths, C]
    let from = 0;
    const rows = lengths.flatMap((length, n) => {
      const own = Array.from({ length: labels.lengths[n]! }, (_, t) => from + t);
      from += length;
      return own;
    });
    return embedding(reshape(top, [from, -1]), this.places(Int32Array.from(rows)));
  }

  /** The loss of each text's length at its last label, 0 elsewhere, `[1, N]`. */
  private lengthLosses(memory: ParallelMemory, { lengths }: PackedSequences): Tensor {
    const count = lengths.length;
    const wanted = tensor(Int32Array.from(lengths), [count], { dtype: 'int32', device: this.device });
    const losses = crossEntropy(this.lengthLogits(memory), wanted, { labelSmoothing: 0, ignoreIndex: -1 });
    const texts = Array.from(lengths).flatMap((length, n) => new Array<number>(length).fill(n));
    const isLast = texts.map((n, i) => Number(texts[i + 1] !== n));
    const spread = embedding(reshape(losses, [count, 1]), this.places(Int32Array.from(texts)));
    return mul(reshape(spread, [1, -1]), tensor(isLast, [1, texts.length], { device: this.device }));
  }

  private places(ids: Int32Array): Tensor {
    return tensor(ids, [1, ids.length], { dtype: 'int32', device: this.device });
  }

  /** @throws {HeedError} always: there is no next token */
  decodingOf(): DecodingState {
    throw new HeedError({
      where: 'NonAutoregressive',
      problem: 'this model writes all tokens at once, so that there is no next one to search or draw',
      hint: 'leave sampling, prefixes and drafts out',
    });
  }

  override writeWhole(sources: SourceBatch, options: WholeOptions): WholeText[][] {
    return writeInParallel(this, sources, options);
  }
}

/** Hides of each text a number of tokens, every number from 1 to all as likely. Paper: Ghazvininejad et al. 2019, §3.1. */
function randomlyHidden({ lengths }: PackedSequences): boolean[] {
  const [a, b] = nextDropoutKey();
  const random = new Random(a, `hidden/${b}`);
  return Array.from(lengths).flatMap((length) => {
    const count = 1 + random.integer(length);
    return random.shuffle(Array.from({ length }, (_, i) => i < count));
  });
}
