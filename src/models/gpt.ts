/**
 * The decoder-only Transformer: a language model that predicts each token from those before it.
 *
 * Papers: Radford et al., Improving Language Understanding by Generative Pre-Training, 2018; Radford et al.,
 * Language Models are Unsupervised Multitask Learners (GPT-2), 2019.
 *
 * Shapes: B batch · T tokens · C dModel · V vocabulary · L layers.
 */
import type { Device } from '../core/device.ts';
import { Random } from '../core/random.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Mask } from '../nn/attention/masks.ts';
import type { Embedding } from '../nn/embedding.ts';
import { normal } from '../nn/initializers.ts';
import { Linear } from '../nn/linear.ts';
import type { ModuleContext } from '../nn/module.ts';
import type { Norm } from '../nn/norms/index.ts';
import type { Position } from '../nn/position/index.ts';
import type { Dropout } from '../nn/residual.ts';
import type { StochasticDepth } from '../nn/stochastic-depth.ts';
import { checkGptConfig, type GptConfig, gptDefaults } from './gpt-config.ts';
import { CausalLanguageModel } from './language-model.ts';
import type { SelfAttentionLayer } from './layers.ts';
import { stepThroughLayers, throughLayers } from './stacks.ts';
import { AttentionCaches } from './text-cache.ts';
import { embedTokens, makeTokenStack, type TokenStack } from './token-stack.ts';

/**
 * A GPT-2 style language model: learned positions, pre-norm, a last norm, tied or separate output projection. Positions,
 * attention, norms and feed-forward networks are of any kind that the Transformer has, so that it is LLaMA's as well.
 */
export class Gpt extends CausalLanguageModel implements TokenStack {
  readonly config: GptConfig;
  readonly embedding: Embedding;
  readonly position: Position;
  readonly embeddingDropout: Dropout;
  readonly layers: readonly SelfAttentionLayer[];
  readonly depth: StochasticDepth;
  /** After the last layer, with pre-norm. */
  readonly norm: Norm | null;
  /** Present only when the output does not use the token table. */
  readonly projection: Linear | null;

  /**
   * @param config - anything left out has the value of GPT-2 with 124 million parameters
   * @throws {ConfigError} listing every field that cannot be used
   * @example
   * const model = new Gpt({ vocabSize: 65, maxSeqLen: 64, dModel: 128, numLayers: 4, numHeads: 4 });
   * @example
   * const llama = new Gpt({
   *   ...{ vocabSize: 65, maxSeqLen: 64, dModel: 128, dFf: 344, numLayers: 4, numHeads: 4 },
   *   ...{ position: { kind: 'rope', layout: 'halves' }, norm: 'rms', feedForward: 'swiglu', bias: false },
   *   ...{ attention: { kind: 'multi-head', numKvHeads: 2 }, tieEmbeddings: false },
   * });
   */
  constructor(
    config: Partial<GptConfig> & Pick<GptConfig, 'vocabSize'>,
    context: ModuleContext = { random: new Random(0, 'init') },
  ) {
    super();
    this.config = checkGptConfig({ ...gptDefaults, ...config });
    const { vocabSize, dModel, initializerStd } = this.config;
    const parts = makeTokenStack(this.config, true, context);
    this.embedding = parts.embedding;
    this.position = parts.position;
    this.embeddingDropout = parts.embeddingDropout;
    this.layers = parts.layers;
    this.depth = parts.depth;
    this.norm = parts.norm;
    const output = { bias: false, initializer: normal(initializerStd) };
    this.projection = this.config.tieEmbeddings ? null : new Linear(dModel, vocabSize, context, output);
  }

  /** Most tokens that a text may have. */
  get maxSeqLen(): number {
    return this.config.maxSeqLen;
  }

  get device(): Device {
    return this.embedding.weight.device;
  }

  /**
   * Logits of the next token after every token.
   *
   * @param ids - int32 `[B, T]`
   * @param mask - `[B, 1, 1, T]`, true for tokens; needed only where padding stands before a token
   * @returns logits `[B, T, V]`
   * @throws {ShapeError} when an id is outside the vocabulary
   * @throws {ConfigError} when T is above maxSeqLen, the length of a table of positions
   */
  forward(ids: Tensor, mask: Mask | null = null): Tensor {
    const { position } = this;
    const top = throughLayers(this, this.embed(ids, 0), { mask, position, causal: true });
    return this.logits(top, mask);
  }

  startDecoding(batch: number, room: number): AttentionCaches {
    const like = this.embedding.weight;
    return new AttentionCaches(
      this.layers.map(({ selfAttention }) => selfAttention.makeCache(batch, room, like)),
    );
  }

  protected grow(ids: Tensor, cache: AttentionCaches): Tensor {
    return stepThroughLayers(this, this.embed(ids, cache.length), cache.layers, this.position);
  }

  protected project(x: Tensor): Tensor {
    return this.logits(x);
  }

  private embed(ids: Tensor, start: number): Tensor {
    return this.expose('embedded', embedTokens(this, ids, start));
  }

  private logits(top: Tensor, mask: Mask | null = null): Tensor {
    const x = this.norm?.forward(top, mask) ?? top;
    return this.expose('logits', this.projection ? this.projection.forward(x) : this.embedding.project(x));
  }
}
