/**
 * A language model of separate segments: each is read as if nothing stood before it.
 *
 * Training predicts at every place of a segment; further losses help deep models: from every layer, and of more than
 * one token ahead. Places are learned, and added before every layer.
 *
 * Paper: Al-Rfou et al., Character-Level Language Modeling with Deeper Self-Attention, 2018, §2.1 and §2.3,
 * https://arxiv.org/abs/1808.04444
 *
 * Shapes: B batch · T tokens of a segment · C dModel · V vocabulary.
 */
import type { Device } from '../core/device.ts';
import { Random } from '../core/random.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import { Embedding } from '../nn/embedding.ts';
import { Linear } from '../nn/linear.ts';
import type { ModuleContext } from '../nn/module.ts';
import { LayerNorm } from '../nn/norms/layer-norm.ts';
import { LearnedPosition } from '../nn/position/index.ts';
import { Dropout } from '../nn/residual.ts';
import { crossEntropy } from '../ops/cross-entropy/index.ts';
import { add } from '../ops/elementwise/binary.ts';
import { scale } from '../ops/elementwise/scale.ts';
import { CausalLayer } from './causal-layer.ts';
import { CausalLanguageModel, type SegmentLosses, type SegmentLossOptions } from './language-model.ts';
import {
  checkSegmentLanguageModelConfig,
  type SegmentLanguageModelConfig,
  segmentLanguageModelDefaults,
} from './segment-language-model-config.ts';
import type { SegmentMemory } from './segment-memory.ts';
import { AttentionCaches } from './text-cache.ts';

/** Weight of the losses of tokens after the next one. */
const FURTHER_TARGET_WEIGHT = 0.5;
/** A label that does not count. */
const NO_LABEL = -100;

/** The labels `[B, T]` of `ahead` places further on; none for the last places of each segment. */
export function labelsAhead(labels: Tensor, ahead: number): Tensor {
  const [batch, length] = labels.shape as [number, number];
  const moved = new Int32Array(batch * length).fill(NO_LABEL);
  for (let b = 0; b < batch; b++)
    moved.set(labels.data.subarray(b * length + Math.min(ahead, length), (b + 1) * length), b * length);
  return tensor(moved, labels.shape, { dtype: 'int32', device: labels.device });
}

/** Whether layer l of n, from 1, still predicts. */
export function layerPredicts(layer: number, layers: number, done: number): boolean {
  return layer === layers || done < layer / (2 * layers);
}

/** The Transformer that later papers call vanilla. */
export class SegmentLanguageModel extends CausalLanguageModel {
  readonly config: SegmentLanguageModelConfig;
  readonly embedding: Embedding;
  /** One table for each layer. */
  readonly positions: readonly LearnedPosition[];
  readonly embeddingDropout: Dropout;
  readonly layers: readonly CausalLayer[];
  readonly norm: LayerNorm | null;
  /** One for each token that is predicted; the first one predicts the next. */
  readonly projections: readonly Linear[];

  /**
   * @param config - anything left out has the value of `segmentLanguageModelDefaults`
   * @throws {ConfigError} listing every field that cannot be used
   * @example
   * const model = new SegmentLanguageModel({ vocabSize: 65, maxSeqLen: 64, dModel: 64, numLayers: 4 });
   */
  constructor(
    config: Partial<SegmentLanguageModelConfig> & Pick<SegmentLanguageModelConfig, 'vocabSize'>,
    context: ModuleContext = { random: new Random(0, 'init') },
  ) {
    super();
    this.config = checkSegmentLanguageModelConfig({ ...segmentLanguageModelDefaults, ...config });
    const { vocabSize, maxSeqLen, dModel, numLayers, numTargets, normPlacement } = this.config;
    this.embedding = new Embedding(vocabSize, dModel, context, { scale: Math.sqrt(dModel) });
    this.positions = Array.from({ length: numLayers }, () => new LearnedPosition(dModel, maxSeqLen, context));
    this.embeddingDropout = new Dropout(this.config.dropout);
    this.layers = Array.from({ length: numLayers }, () => new CausalLayer(this.config, context));
    this.norm = normPlacement === 'pre' ? new LayerNorm(dModel, context, this.config.normEps) : null;
    this.projections = Array.from({ length: numTargets }, () => new Linear(dModel, vocabSize, context));
  }

  get maxSeqLen(): number {
    return this.config.maxSeqLen;
  }

  get device(): Device {
    return this.embedding.weight.device;
  }

  forward(ids: Tensor): Tensor {
    return this.expose('logits', this.projections[0]!.forward(this.outputs(ids).at(-1)!));
  }

  startDecoding(batch: number, room: number): AttentionCaches {
    return new AttentionCaches(this.layers.map((layer) => layer.makeCache(batch, room)));
  }

  /** A text that grows is one segment. */
  protected grow(ids: Tensor, cache: AttentionCaches): Tensor {
    const start = cache.length;
    return this.layers.reduce(
      (x, layer, i) => layer.step(this.positions[i]!.forward(x, start), cache.layers[i]!),
      this.embed(ids),
    );
  }

  protected project(x: Tensor): Tensor {
    return this.expose('logits', this.projections[0]!.forward(this.norm?.forward(x) ?? x));
  }

  private embed(ids: Tensor): Tensor {
    return this.embeddingDropout.forward(this.embedding.forward(ids));
  }

  override losses(
    ids: Tensor,
    labels: Tensor,
    _memory: SegmentMemory | null,
    { labelSmoothing, done }: SegmentLossOptions,
  ): SegmentLosses {
    const outputs = this.outputs(ids);
    const { intermediateLosses } = this.config;
    const speaking = outputs.filter((_, i) =>
      intermediateLosses ? layerPredicts(i + 1, outputs.length, done) : i + 1 === outputs.length,
    );
    const losses = this.projections.flatMap((projection, ahead) => {
      const wanted = ahead === 0 ? labels : labelsAhead(labels, ahead);
      const weight = ahead === 0 ? 1 : FURTHER_TARGET_WEIGHT;
      return speaking.map((output) => {
        const options = { labelSmoothing, ignoreIndex: NO_LABEL };
        const loss = crossEntropy(projection.forward(output), wanted, options);
        return weight === 1 ? loss : scale(loss, weight);
      });
    });
    return { losses: losses.reduce(add), memory: null };
  }

  /** What each layer says, `[B, T, C]`, normalised. */
  private outputs(ids: Tensor): Tensor[] {
    let x = this.embed(ids);
    return this.layers.map((layer, i) => {
      x = layer.forward(this.positions[i]!.forward(x, 0));
      return this.norm?.forward(x) ?? x;
    });
  }
}
