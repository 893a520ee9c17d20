/**
 * Transformer-XL: a language model whose layers see their own inputs of the segments before.
 *
 * `h̃ = [stopGradient(h_{τ−1}) ; h_τ]`, `q = h_τ W_q`, `k, v = h̃ W_k, h̃ W_v`, with scores by distance, so that a
 * remembered token needs no place of its own. What reaches a token grows by M with every layer.
 *
 * Paper: Dai et al. 2019, https://arxiv.org/abs/1901.02860
 *
 * Shapes: B batch · T tokens of a segment · M tokens remembered · C dModel · V vocabulary.
 */
import type { Device } from '../core/device.ts';
import { Random } from '../core/random.ts';
import type { Tensor } from '../core/tensor.ts';
import { Embedding } from '../nn/embedding.ts';
import { Linear } from '../nn/linear.ts';
import type { ModuleContext } from '../nn/module.ts';
import { LayerNorm } from '../nn/norms/layer-norm.ts';
import { makePosition, type Position } from '../nn/position/index.ts';
import { Dropout } from '../nn/residual.ts';
import { CausalLayer } from './causal-layer.ts';
import { CausalLanguageModel, type SegmentReading } from './language-model.ts';
import { remembered, SegmentMemory } from './segment-memory.ts';
import { AttentionCaches } from './text-cache.ts';
import {
  checkTransformerXlConfig,
  type TransformerXlConfig,
  transformerXlDefaults,
} from './transformer-xl-config.ts';

/** Segment-level recurrence with relative positions. */
export class TransformerXl extends CausalLanguageModel {
  readonly config: TransformerXlConfig;
  readonly embedding: Embedding;
  readonly position: Position;
  readonly embeddingDropout: Dropout;
  readonly layers: readonly CausalLayer[];
  readonly norm: LayerNorm | null;
  /** Present only when the output does not use the token table. */
  readonly projection: Linear | null;
  /** M; may be longer in evaluation than it was in training. */
  memoryLength: number;

  /**
   * @param config - anything left out has the value of `transformerXlDefaults`
   * @throws {ConfigError} listing every field that cannot be used
   * @example
   * const model = new TransformerXl({ vocabSize: 65, dModel: 64, dFf: 256, numLayers: 3, memoryLength: 32 });
   */
  constructor(
    config: Partial<TransformerXlConfig> & Pick<TransformerXlConfig, 'vocabSize'>,
    context: ModuleContext = { random: new Random(0, 'init') },
  ) {
    super();
    this.config = checkTransformerXlConfig({ ...transformerXlDefaults, ...config });
    const { vocabSize, dModel, numLayers, numHeads, dropout, normPlacement, normEps } = this.config;
    const headDim = dModel / numHeads;
    this.embedding = new Embedding(vocabSize, dModel, context, { scale: Math.sqrt(dModel) });
    this.position = makePosition(
      'transformer-xl',
      { width: dModel, maxSeqLen: 0, numLayers, numHeads, headDim, valueDim: headDim, causal: true },
      context,
    );
    this.embeddingDropout = new Dropout(dropout);
    this.layers = Array.from({ length: numLayers }, () => new CausalLayer(this.config, context));
    this.norm = normPlacement === 'pre' ? new LayerNorm(dModel, context, normEps) : null;
    this.projection = this.config.tieEmbeddings ? null : new Linear(dModel, vocabSize, context);
    this.memoryLength = this.config.memoryLength;
  }

  /** Scores by distance have no longest text. */
  get maxSeqLen(): number {
    return Number.MAX_SAFE_INTEGER;
  }

  get device(): Device {
    return this.embedding.weight.device;
  }

  override get hasMemory(): boolean {
    return this.memoryLength > 0;
  }

  forward(ids: Tensor): Tensor {
    return this.run(ids, null, () => {});
  }

  override read(ids: Tensor, memory: SegmentMemory | null): SegmentReading {
    const room = this.memoryLength;
    const kept: Tensor[] = [];
    const logits = this.run(ids, memory, (input, i) => {
      if (room > 0) kept.push(remembered(memory?.layers[i] ?? null, input, room));
    });
    return { logits, memory: room > 0 ? new SegmentMemory(kept) : null };
  }

  startDecoding(batch: number, room: number): AttentionCaches {
    return new AttentionCaches(this.layers.map((layer) => layer.makeCache(batch, room)));
  }

  /**
   * Every token is a segment of its own, as if `read` were given one token at a time: it sees the `memoryLength` tokens
   * before it, whose keys and values are kept. A model without memory sees the whole text.
   */
  protected grow(ids: Tensor, cache: AttentionCaches): Tensor {
    const reach = this.hasMemory ? this.memoryLength : undefined;
    return this.layers.reduce(
      (x, layer, i) => layer.step(x, cache.layers[i]!, { position: this.position.inAttention(i), reach }),
      this.embed(ids),
    );
  }

  protected project(x: Tensor): Tensor {
    const output = this.norm?.forward(x) ?? x;
    return this.expose('logits', this.projection?.forward(output) ?? this.embedding.project(output));
  }

  private embed(ids: Tensor): Tensor {
    return this.expose('embedded', this.embeddingDropout.forward(this.embedding.forward(ids)));
  }

  private run(
    ids: Tensor,
    memory: SegmentMemory | null,
    onInput: (input: Tensor, layer: number) => void,
  ): Tensor {
    const top = this.layers.reduce(
      (x, layer, i) =>
        layer.forward(x, {
          memory: memory?.layers[i] ?? null,
          position: this.position.inAttention(i),
          onInput: (input) => onInput(input, i),
        }),
      this.embed(ids),
    );
    return this.project(top);
  }
}
