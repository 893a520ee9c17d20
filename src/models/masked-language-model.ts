/**
 * A masked language model: an encoder that says which tokens stood where some are hidden.
 *
 * `P(x_p | x̃) = softmax(E · LayerNorm(activation(W h_p + b)) + c)` at the hidden places p only, h the output of the
 * encoder for the corrupted text x̃, E the token table.
 *
 * Paper: Devlin et al., BERT, 2018, https://arxiv.org/abs/1810.04805. Norms stand before the sublayers by default, not
 * after them; there is one text, and no prediction of the next sentence.
 *
 * Shapes: B batch · T tokens · P hidden places of the batch · C dModel · V vocabulary.
 */
import type { Device } from '../core/device.ts';
import { Random } from '../core/random.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Mask } from '../nn/attention/masks.ts';
import type { Embedding } from '../nn/embedding.ts';
import { constant, normal } from '../nn/initializers.ts';
import { Linear } from '../nn/linear.ts';
import { Module, type ModuleContext, type Parameter, parameter } from '../nn/module.ts';
import { LayerNorm } from '../nn/norms/layer-norm.ts';
import type { Norm } from '../nn/norms/norm.ts';
import type { Position } from '../nn/position/index.ts';
import type { Dropout } from '../nn/residual.ts';
import type { StochasticDepth } from '../nn/stochastic-depth.ts';
import { activate } from '../ops/activate/index.ts';
import { crossEntropy } from '../ops/cross-entropy/index.ts';
import { add } from '../ops/elementwise/binary.ts';
import { embedding } from '../ops/embedding/index.ts';
import { reshape } from '../ops/shape/reshape.ts';
import type { SelfAttentionLayer } from './layers.ts';
import {
  checkSingleStack,
  type SingleStackConfig,
  singleStackDefaults,
  singleStackRules,
} from './single-stack-config.ts';
import { throughLayers } from './stacks.ts';
import { embedTokens, makeTokenStack, type TokenStack } from './token-stack.ts';

/** Sizes and variants of a masked language model; `vocabSize` counts the mask token. */
export interface MaskedLanguageModelConfig extends SingleStackConfig {}

/** A small BERT. */
export const maskedLanguageModelDefaults = {
  ...singleStackDefaults,
  maxSeqLen: 256,
  dModel: 384,
  numLayers: 6,
  numHeads: 6,
  activation: 'gelu',
  normPlacement: 'pre',
} as const satisfies Partial<MaskedLanguageModelConfig>;

/** Rules of its fields in an experiment. */
export const maskedLanguageModelRules = singleStackRules(maskedLanguageModelDefaults);

/** Token table, encoder, and a head that is computed where something is hidden. */
export class MaskedLanguageModel extends Module implements TokenStack {
  readonly config: MaskedLanguageModelConfig;
  readonly embedding: Embedding;
  readonly position: Position;
  readonly embeddingDropout: Dropout;
  readonly layers: readonly SelfAttentionLayer[];
  readonly depth: StochasticDepth;
  readonly norm: Norm | null;
  readonly head: Linear;
  readonly headNorm: LayerNorm;
  /** Present only when the output does not use the token table. */
  readonly projection: Linear | null;
  /** c `[V]` */
  readonly outputBias: Parameter;

  /**
   * @param config - anything left out has the value of `maskedLanguageModelDefaults`
   * @throws {ConfigError} listing every field that cannot be used
   * @example
   * const model = new MaskedLanguageModel({ vocabSize: 100, maxSeqLen: 64, dModel: 64, numLayers: 2, numHeads: 2 });
   */
  constructor(
    config: Partial<MaskedLanguageModelConfig> & Pick<MaskedLanguageModelConfig, 'vocabSize'>,
    context: ModuleContext = { random: new Random(0, 'init') },
  ) {
    super();
    const whole = { ...maskedLanguageModelDefaults, ...config };
    this.config = checkSingleStack('MaskedLanguageModel', whole, false);
    const { vocabSize, dModel, normEps, initializerStd, tieEmbeddings } = this.config;
    const parts = makeTokenStack(this.config, false, context);
    this.embedding = parts.embedding;
    this.position = parts.position;
    this.embeddingDropout = parts.embeddingDropout;
    this.layers = parts.layers;
    this.depth = parts.depth;
    this.norm = parts.norm;
    const initializer = normal(initializerStd);
    this.head = new Linear(dModel, dModel, context, { initializer });
    this.headNorm = new LayerNorm(dModel, context, normEps);
    this.projection = tieEmbeddings
      ? null
      : new Linear(dModel, vocabSize, context, { bias: false, initializer });
    this.outputBias = parameter([vocabSize], constant(0), context);
  }

  /** Most tokens that a text may have. */
  get maxSeqLen(): number {
    return this.config.maxSeqLen;
  }

  get device(): Device {
    return this.embedding.weight.device;
  }

  /**
   * The encoder's output for a text with hidden tokens.
   *
   * @param ids - int32 `[B, T]`
   * @param mask - `[B, 1, 1, T]`, true for tokens, where there is padding
   * @returns `[B, T, C]`
   * @throws {ShapeError} when an id is outside the vocabulary
   * @throws {ConfigError} when T is above maxSeqLen, the length of a table of positions
   */
  encode(ids: Tensor, mask: Mask | null = null): Tensor {
    const embedded = this.expose('embedded', embedTokens(this, ids, 0, mask));
    const top = throughLayers(this, embedded, { mask, position: this.position });
    return this.expose('states', this.norm?.forward(top, mask) ?? top);
  }

  /**
   * Logits at some places only.
   *
   * @param states - of `encode`, `[B, T, C]`
   * @param places - int32 `[P]`, row · T + place
   * @returns `[P, V]`
   */
  logitsAt(states: Tensor, places: Tensor): Tensor {
    const [batch, length, width] = states.shape as [number, number, number];
    const chosen = embedding(reshape(states, [batch * length, width]), places); // [P, C]
    const { activation } = this.config;
    const hidden = activate(this.head.multiply(chosen), this.head.bias, { activation, p: 0, key: [0, 0] });
    const x = this.headNorm.forward(hidden);
    const scores = this.projection ? this.projection.forward(x) : this.embedding.project(x);
    return this.expose('logits', add(scores, this.outputBias));
  }

  /**
   * Losses of the hidden tokens, nats; other places have none.
   *
   * @param labels - int32 `[P]`: what stood at the places
   * @returns `[P]`
   */
  losses(ids: Tensor, places: Tensor, labels: Tensor, options: { readonly labelSmoothing: number }): Tensor {
    return this.lossesAt(this.encode(ids), places, labels, options);
  }

  /** As `losses`, from the output of `encode`. */
  lossesAt(
    states: Tensor,
    places: Tensor,
    labels: Tensor,
    options: { readonly labelSmoothing: number },
  ): Tensor {
    return crossEntropy(this.logitsAt(states, places), labels, options);
  }
}
