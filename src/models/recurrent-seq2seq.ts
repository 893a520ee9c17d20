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
 * at once. With `inputFeeding` it does wait: a step reads the token and what the step before said, `[x_t; h̃_{t−1}]`
 * (Luong et al., §3.3), so that contexts enter the recurrence as they do in Bahdanau's model.
 *
 * Shapes: B batch · S source tokens · T target tokens · N all tokens of a side · C dModel · V vocabulary.
 */
import type { Device } from '../core/device.ts';
import { Random } from '../core/random.ts';
import { type Tensor, tensor, zeros } from '../core/tensor.ts';
import { type Mask, paddingMask } from '../nn/attention/masks.ts';
import { Packing, Segments } from '../nn/attention/packing.ts';
import { Padded } from '../nn/attention/padded.ts';
import { paddedMemory, type SourceMemory } from '../nn/attention/source.ts';
import { sourceAttentions } from '../nn/attention/source-kinds.ts';
import { Embedding } from '../nn/embedding.ts';
import { uniform } from '../nn/initializers.ts';
import { Linear } from '../nn/linear.ts';
import type { ModuleContext } from '../nn/module.ts';
import type { RecurrentState } from '../nn/recurrent/layer.ts';
import { Sequences } from '../nn/recurrent/sequences.ts';
import { Recurrent, type RecurrentStates } from '../nn/recurrent/stack.ts';
import { Dropout } from '../nn/residual.ts';
import { makeVariant } from '../nn/variants.ts';
import { reshape } from '../ops/shape/reshape.ts';
import { concat, slice } from '../ops/shape/slice.ts';
import { AttentiveOutput } from './attentive-output.ts';
import {
  type DecodingState,
  EncoderDecoder,
  type PackedSequences,
  type SourceBatch,
} from './encoder-decoder.ts';
import { type Carried, RecurrentDecoding } from './recurrent-decoding.ts';
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
    const { sourceVocabSize, targetVocabSize, dModel, numLayers, cell, bidirectional } = this.config;
    const { inputFeeding, dropout, paddingId } = this.config;
    const table = { paddingId, std: 0.1 };
    this.sourceEmbedding = new Embedding(sourceVocabSize, dModel, context, table);
    this.targetEmbedding = new Embedding(targetVocabSize, dModel, context, table);
    const common = { cell, inputWidth: dModel, numLayers, dropout };
    const width = bidirectional ? dModel / 2 : dModel;
    this.encoder = new Recurrent({ ...common, width, bidirectional }, context);
    const inputWidth = inputFeeding ? 2 * dModel : dModel;
    this.decoder = new Recurrent({ ...common, inputWidth, width: dModel }, context);
    const widths = { queryWidth: dModel, memoryWidth: dModel };
    const attention = makeVariant(
      'RecurrentSeq2Seq: attention',
      sourceAttentions,
      this.config.attention,
      widths,
      context,
    );
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
    const x = this.embed(to.pack(target.ids));
    const bounds = new Segments(to, from);
    if (this.config.inputFeeding) return this.project(this.fed(x, sources, bounds));
    const { output } = this.decoder.forward(x, Sequences.packed(to), sources.states);
    return this.project(this.output ? this.output.forward(output, sources.memory!, bounds) : output);
  }

  /** Source ids `[B, S]` to what the decoder starts from. */
  encode(ids: Tensor, sequences: Sequences): EncodedSources {
    const x = this.dropped.forward(this.sourceEmbedding.forward(ids));
    const { output, states } = this.encoder.forward(x, sequences); // [B, S, C]
    const memory = this.output?.attention.project(this.expose('memory', output)) ?? null;
    return { memory, states: states.map((directions) => [joined(directions)]) };
  }

  /** Target ids `[B, T]` to the inputs of the decoder. */
  private embed(ids: Tensor): Tensor {
    return this.dropped.forward(this.targetEmbedding.forward(ids));
  }

  /** With input feeding: packed inputs `[1, N, C]` step by step, all texts at once, to what each step says. */
  private fed(x: Tensor, { memory, states }: EncodedSources, bounds: Segments): Tensor {
    const [target, source] = [new Padded(bounds.queries), new Padded(bounds.keys)];
    const inputs = target.unpack(x); // [B, T, C]
    const own = paddedMemory(memory!, source);
    let carried: Carried = { states, said: null, weights: null };
    const steps = Array.from({ length: bounds.queries.longest }, (_, t) => {
      const step = this.advance(slice(inputs, 1, t, t + 1), own, source.mask, carried);
      carried = step.carried;
      return { output: step.output, weights: step.weights! };
    });
    const joined = (part: 'output' | 'weights'): Tensor =>
      concat(
        steps.map((step) => step[part]),
        1,
      );
    this.output!.attention.show(joined('weights'), bounds);
    return target.pack(joined('output'));
  }

  /** One step: inputs `[B, 1, C]` to what is said, `[B, 1, C]`, and what the next step needs. */
  private advance(
    x: Tensor,
    memory: SourceMemory | null,
    mask: Mask | null,
    { states, said, weights }: Carried,
  ) {
    const { inputFeeding } = this.config;
    const input = inputFeeding ? concat([x, said ?? zeros(x.shape, { device: this.device })], 2) : x;
    const ran = this.decoder.forward(input, Sequences.steps(x.shape[0]!, this.device), states);
    const { remembers = false } = this.output?.attention ?? {};
    if (!inputFeeding && !remembers) {
      const output = this.output ? this.output.forward(ran.output, memory!, mask) : ran.output;
      return { output, weights: null, carried: { states: ran.states, said: null, weights: null } };
    }
    const step = this.output!.step(ran.output, memory!, mask, weights);
    const [batch, , S] = step.weights.shape as [number, number, number];
    const carried: Carried = {
      states: ran.states,
      said: inputFeeding ? step.output : null,
      weights: remembers ? reshape(step.weights, [batch, S]) : null,
    };
    return { ...step, carried };
  }

  private project(top: Tensor): Tensor {
    return this.expose('logits', this.projection.forward(this.dropped.forward(top)));
  }

  override decodingOf({ ids, mask, batch, length }: SourceBatch): DecodingState {
    const { device } = this;
    const lengths = Array.from({ length: batch }, (_, b) =>
      mask.subarray(b * length, (b + 1) * length).reduce((tokens, isToken) => tokens + isToken, 0),
    );
    const source = tensor(ids, [batch, length], { dtype: 'int32', device });
    const sources = this.encode(source, Sequences.padded(lengths, length, device));
    const visible: Mask | null = mask.includes(0) ? paddingMask(mask, batch, length, { device }) : null;
    return new RecurrentDecoding(sources, visible, (tokens, memory, hidden, before) => {
      const { output, carried } = this.advance(this.embed(tokens), memory, hidden, before);
      return { logits: reshape(this.project(output), [output.shape[0]!, -1]), carried };
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
