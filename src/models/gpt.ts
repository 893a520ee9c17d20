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
import { SelfAttention } from '../nn/attention/self.ts';
import { Embedding } from '../nn/embedding.ts';
import { FeedForward } from '../nn/feed-forwards/feed-forward.ts';
import { type Initializer, normal } from '../nn/initializers.ts';
import { Linear } from '../nn/linear.ts';
import { Module, type ModuleContext } from '../nn/module.ts';
import { makeNorm, type Norm } from '../nn/norms/index.ts';
import { LearnedPosition } from '../nn/position/index.ts';
import { Dropout, Residual, type Sublayer } from '../nn/residual.ts';
import { checkGptConfig, type GptConfig, gptDefaults } from './gpt-config.ts';
import { CausalLanguageModel } from './language-model.ts';
import { AttentionCaches } from './text-cache.ts';

/** First values: those that end a sublayer are smaller, so that the residual stream does not grow with depth. */
function initializersOf({ initializerStd, numLayers }: GptConfig): {
  inner: Initializer;
  outer: Initializer;
} {
  return { inner: normal(initializerStd), outer: normal(initializerStd / Math.sqrt(2 * numLayers)) };
}

/** Masked self-attention and a feed-forward network, each in a pre-norm residual connection. */
class GptLayer extends Module {
  readonly selfAttention: SelfAttention;
  readonly selfAttentionResidual: Residual;
  readonly feedForward: FeedForward;
  readonly feedForwardResidual: Residual;

  constructor(config: GptConfig, context: ModuleContext) {
    super();
    const { dModel, numHeads, bias, activation, dropout, norm, normEps } = config;
    const { inner, outer } = initializersOf(config);
    const residual = { dModel, placement: 'pre', dropout, norm, normEps } as const;
    this.selfAttention = new SelfAttention(
      {
        dModel,
        numHeads,
        bias,
        dropout: config.attentionDropout,
        initializer: inner,
        outputInitializer: outer,
      },
      context,
    );
    this.selfAttentionResidual = new Residual(residual, context);
    const dFf = config.dFf ?? 4 * dModel;
    this.feedForward = new FeedForward(
      { dModel, dFf, activation, bias, innerInitializer: inner, outerInitializer: outer },
      context,
    );
    this.feedForwardResidual = new Residual(residual, context);
  }

  /** x `[B, T, C]` and what its self-attention does */
  forward(x: Tensor, attend: Sublayer, visible: Mask | null = null): Tensor {
    const attended = this.selfAttentionResidual.forward(x, attend, { visible });
    return this.feedForwardResidual.forward(attended, (y) => this.feedForward.forward(y), { visible });
  }
}

/** A GPT-2 style language model: learned positions, pre-norm, a last norm, tied or separate output projection. */
export class Gpt extends CausalLanguageModel {
  readonly config: GptConfig;
  readonly embedding: Embedding;
  readonly position: LearnedPosition;
  readonly embeddingDropout: Dropout;
  readonly layers: readonly GptLayer[];
  readonly norm: Norm;
  /** Present only when the output does not use the token table. */
  readonly projection: Linear | null;

  /**
   * @param config - anything left out has the value of GPT-2 with 124 million parameters
   * @throws {ConfigError} listing every field that cannot be used
   * @example
   * const model = new Gpt({ vocabSize: 65, maxSeqLen: 64, dModel: 128, numLayers: 4, numHeads: 4 });
   */
  constructor(
    config: Partial<GptConfig> & Pick<GptConfig, 'vocabSize'>,
    context: ModuleContext = { random: new Random(0, 'init') },
  ) {
    super();
    this.config = checkGptConfig({ ...gptDefaults, ...config });
    const { vocabSize, maxSeqLen, dModel, numLayers, dropout, normEps, initializerStd } = this.config;
    this.embedding = new Embedding(vocabSize, dModel, context, { std: initializerStd });
    this.position = new LearnedPosition(dModel, maxSeqLen, context, initializerStd);
    this.embeddingDropout = new Dropout(dropout);
    this.layers = Array.from({ length: numLayers }, () => new GptLayer(this.config, context));
    this.norm = makeNorm(this.config.norm, { width: dModel, eps: normEps, causal: true }, context);
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
   * @throws {ShapeError} when an id is outside the vocabulary or T is above maxSeqLen
   */
  forward(ids: Tensor, mask: Mask | null = null): Tensor {
    const top = this.layers.reduce(
      (x, layer) => layer.forward(x, (y) => layer.selfAttention.forward(y, mask), mask),
      this.embed(ids, 0),
    );
    return this.logits(this.norm.forward(top, mask));
  }

  startDecoding(batch: number, room: number): AttentionCaches {
    return new AttentionCaches(this.layers.map(({ selfAttention }) => selfAttention.makeCache(batch, room)));
  }

  protected grow(ids: Tensor, cache: AttentionCaches): Tensor {
    return this.layers.reduce(
      (x, layer, i) => layer.forward(x, (y) => layer.selfAttention.step(y, cache.layers[i]!)),
      this.embed(ids, cache.length),
    );
  }

  protected project(x: Tensor): Tensor {
    return this.logits(this.norm.forward(x));
  }

  private embed(ids: Tensor, start: number): Tensor {
    const x = this.position.forward(this.embedding.forward(ids), start);
    return this.expose('embedded', this.embeddingDropout.forward(x));
  }

  private logits(x: Tensor): Tensor {
    return this.expose('logits', this.projection ? this.projection.forward(x) : this.embedding.project(x));
  }
}
