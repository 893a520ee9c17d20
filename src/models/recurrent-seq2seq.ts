/**
 * Recurrent encoder–decoder, with or without attention.
 *
 * Without, all that the decoder knows of the source is the encoder's last state: one vector for each layer, however
 * long the text. With attention it looks at the states of all time steps of the last layer.
 *
 * Papers: Sutskever, Vinyals & Le 2014, https://arxiv.org/abs/1409.3215; Cho et al. 2014,
 * https://arxiv.org/abs/1406.1078; with attention Bahdanau et al. 2014, https://arxiv.org/abs/1409.0473 and Luong et
 * al. 2015, https://arxiv.org/abs/1508.04025. The decoder looks after its recurrent layers, as in the latter
 * (`h_t → a_t → c_t → h̃_t`), for both scores: so no step of them waits for a context, and training runs over all steps
 * at once.
 *
 * Shapes: B batch · S source tokens · T target tokens · N all tokens of a side · C dModel · V vocabulary.
 */
import type { Device } from '../core/device.ts';
import { Random } from '../core/random.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import { type Mask, paddingMask } from '../nn/attention/masks.ts';
import { Packing, Segments, type Visible } from '../nn/attention/packing.ts';
import { maskOfRows, type SourceAttention, type SourceMemory } from '../nn/attention/source.ts';
import { sourceAttentions } from '../nn/attention/source-kinds.ts';
import { Embedding } from '../nn/embedding.ts';
import { uniform } from '../nn/initializers.ts';
import { Linear } from '../nn/linear.ts';
import { Module, type ModuleContext } from '../nn/module.ts';
import type { RecurrentState } from '../nn/recurrent/layer.ts';
import { Sequences } from '../nn/recurrent/sequences.ts';
import { Recurrent, type RecurrentStates } from '../nn/recurrent/stack.ts';
import { Dropout } from '../nn/residual.ts';
import { makeVariant } from '../nn/variants.ts';
import { tanh } from '../ops/elementwise/unary.ts';
import { reshape } from '../ops/shape/reshape.ts';
import { concat, slice } from '../ops/shape/slice.ts';
import {
  type DecodingState,
  EncoderDecoder,
  type PackedSequences,
  type SourceBatch,
} from './encoder-decoder.ts';
import { RecurrentDecoding } from './recurrent-decoding.ts';
import {
  checkRecurrentSeq2SeqConfig,
  type RecurrentSeq2SeqConfig,
  recurrentSeq2SeqDefaults,
} from './recurrent-seq2seq-config.ts';

/** What the decoder is given of the sources. */
export interface EncodedSources {
  /** Prepared states of all time steps; null without attention. */
  readonly memory: SourceMemory | null;
  /** Where the decoder starts: the encoder's last states. */
  readonly states: RecurrentStates;
}

/** `h̃ = tanh(W [c; h])`: what the decoder says, from its state and the context. Paper: Luong et al. 2015, §3. */
class AttentiveOutput extends Module {
  readonly attention: SourceAttention;
  readonly combination: Linear;

  constructor(attention: SourceAttention, dModel: number, context: ModuleContext) {
    super();
    this.attention = attention;
    this.combination = new Linear(2 * dModel, dModel, context);
  }

  /** states `[B, T, C]` */
  forward(states: Tensor, memory: SourceMemory, visible: Visible): Tensor {
    return this.combine(this.attention.attendTo(states, memory, visible), states);
  }

  /** As `forward`, from the weights `[B, S]` of the step before; gives those of the last step too. */
  step(states: Tensor, memory: SourceMemory, visible: Mask | null, before: Tensor | null) {
    const { contexts, weights } = this.attention.align(states, memory, maskOfRows(visible), before);
    const [batch, , S] = weights.shape as [number, number, number];
    return {
      output: this.combine(contexts, states),
      weights: reshape(slice(weights, 1, -1), [batch, S]),
    };
  }

  private combine(contexts: Tensor, states: Tensor): Tensor {
    return tanh(this.combination.forward(concat([contexts, states], 2)));
  }
}

/** The whole model, from ids to logits. */
export class RecurrentSeq2Seq extends EncoderDecoder {
  readonly config: RecurrentSeq2SeqConfig;
  readonly sourceEmbedding: Embedding;
  readonly targetEmbedding: Embedding;
  readonly encoder: Recurrent;
  readonly decoder: Recurrent;
  /** Null without attention. */
  readonly output: AttentiveOutput | null;
  readonly projection: Linear;
  private readonly dropped: Dropout;

  /**
   * @param config - anything left out has the value of `recurrentSeq2SeqDefaults`
   * @throws {ConfigError} listing every field that cannot be used
   * @example
   * const model = new RecurrentSeq2Seq({ sourceVocabSize: 100, targetVocabSize: 80, cell: 'gru', attention: 'bahdanau' });
   */
  constructor(
    config: Partial<RecurrentSeq2SeqConfig> &
      Pick<RecurrentSeq2SeqConfig, 'sourceVocabSize' | 'targetVocabSize'>,
    context: ModuleContext = { random: new Random(0, 'init') },
  ) {
    super();
    this.config = checkRecurrentSeq2SeqConfig({ ...recurrentSeq2SeqDefaults, ...config });
    const { sourceVocabSize, targetVocabSize, dModel, numLayers, cell, bidirectional, dropout, paddingId } =
      this.config;
    const table = { paddingId, std: 0.1 };
    this.sourceEmbedding = new Embedding(sourceVocabSize, dModel, context, table);
    this.targetEmbedding = new Embedding(targetVocabSize, dModel, context, table);
    const common = { cell, inputWidth: dModel, numLayers, dropout };
    const width = bidirectional ? dModel / 2 : dModel;
    this.encoder = new Recurrent({ ...common, width, bidirectional }, context);
    this.decoder = new Recurrent({ ...common, width: dModel }, context);
    const widths = { queryWidth: dModel, memoryWidth: dModel };
    const attention = makeVariant(sourceAttentions, this.config.attention, widths, context);
    this.output = attention && new AttentiveOutput(attention, dModel, context);
    this.projection = new Linear(dModel, targetVocabSize, context, {
      initializer: uniform(1 / Math.sqrt(dModel)),
    });
    this.dropped = new Dropout(dropout);
  }

  override get maxSeqLen(): number {
    return this.config.maxSeqLen;
  }

  override get device(): Device {
    return this.sourceEmbedding.weight.device;
  }

  override get alignmentPath(): string | undefined {
    return this.output ? 'output.attention.weights' : undefined;
  }

  override forwardPacked(source: PackedSequences, target: PackedSequences): Tensor {
    const [from, to] = [new Packing(source.lengths, this.device), new Packing(target.lengths, this.device)];
    const sources = this.encode(from.pack(source.ids), Sequences.packed(from));
    const { output } = this.run(to.pack(target.ids), Sequences.packed(to), sources.states);
    return this.logits(output, sources.memory, new Segments(to, from));
  }

  /** Source ids `[B, S]` to what the decoder starts from. */
  encode(ids: Tensor, sequences: Sequences): EncodedSources {
    const x = this.dropped.forward(this.sourceEmbedding.forward(ids));
    const { output, states } = this.encoder.forward(x, sequences); // [B, S, C]
    const memory = this.output?.attention.project(this.expose('memory', output)) ?? null;
    return { memory, states: states.map((directions) => [joined(directions)]) };
  }

  /** Target ids `[B, T]` through the recurrent layers of the decoder. */
  run(ids: Tensor, sequences: Sequences, start: RecurrentStates) {
    return this.decoder.forward(this.dropped.forward(this.targetEmbedding.forward(ids)), sequences, start);
  }

  /** Decoder states `[B, T, C]` to logits `[B, T, V]`. */
  logits(states: Tensor, memory: SourceMemory | null, visible: Visible): Tensor {
    return this.project(this.output ? this.output.forward(states, memory!, visible) : states);
  }

  private project(top: Tensor): Tensor {
    return this.expose('logits', this.projection.forward(this.dropped.forward(top)));
  }

  /** One step `[B, 1, C]` to logits `[B, V]`, and the weights that the next step needs. */
  private stepLogits(states: Tensor, memory: SourceMemory | null, mask: Mask | null, before: Tensor | null) {
    const rows = (logits: Tensor): Tensor => reshape(logits, [states.shape[0]!, -1]);
    if (!this.output?.attention.remembers)
      return { logits: rows(this.logits(states, memory, mask)), weights: null };
    const { output, weights } = this.output.step(states, memory!, mask, before);
    return { logits: rows(this.project(output)), weights };
  }

  override decodingOf({ ids, mask, batch, length }: SourceBatch): DecodingState {
    const { device } = this;
    const lengths = Array.from({ length: batch }, (_, b) =>
      mask.subarray(b * length, (b + 1) * length).reduce((tokens, isToken) => tokens + isToken, 0),
    );
    const source = tensor(ids, [batch, length], { dtype: 'int32', device });
    const sources = this.encode(source, Sequences.padded(lengths, length, device));
    const visible: Mask | null = mask.includes(0) ? paddingMask(mask, batch, length, { device }) : null;
    return new RecurrentDecoding(sources, visible, {
      run: (tokens, states) => this.run(tokens, Sequences.steps(tokens.shape[0]!, device), states),
      logits: (states, memory, hidden, before) => this.stepLogits(states, memory, hidden, before),
    });
  }
}

/** The states of both directions side by side, as the decoder has one direction only. */
function joined(directions: readonly RecurrentState[]): RecurrentState {
  if (directions.length === 1) return directions[0]!;
  const side = (part: (state: RecurrentState) => Tensor): Tensor => concat(directions.map(part), 1);
  return {
    hidden: side(({ hidden }) => hidden),
    cell: directions[0]!.cell ? side(({ cell }) => cell!) : null,
  };
}
