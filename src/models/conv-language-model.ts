/**
 * A language model of stacked causal convolutions: each token is predicted from the `receptiveField` tokens before.
 *
 * Papers: Kalchbrenner et al. 2016, https://arxiv.org/abs/1610.10099 (the decoder of ByteNet: dilations 1, 2, 4 …);
 * Dauphin et al. 2016, https://arxiv.org/abs/1612.08083 (gated convolutions).
 *
 * Shapes: B batch · T tokens · C dModel · V vocabulary.
 */
import type { Device } from '../core/device.ts';
import { Random } from '../core/random.ts';
import { Tensor } from '../core/tensor.ts';
import { type ConvActivation, ConvStack, convActivations } from '../nn/convolution/stack.ts';
import { Embedding } from '../nn/embedding.ts';
import { Linear } from '../nn/linear.ts';
import type { ModuleContext } from '../nn/module.ts';
import { LayerNorm } from '../nn/norms/layer-norm.ts';
import { type DefaultsOf, defaultsOf, type OptionRules } from '../nn/variants.ts';
import { ConfigChecks } from './config-checks.ts';
import { CausalLanguageModel } from './language-model.ts';
import { InputCaches } from './text-cache.ts';

/** Sizes of a convolutional language model. */
export interface ConvLanguageModelConfig {
  readonly vocabSize: number;
  readonly dModel: number;
  readonly numLayers: number;
  /** Tokens of a window, k. */
  readonly taps: number;
  /** Layer i looks `dilationGrowth^i` tokens apart. */
  readonly dilationGrowth: number;
  readonly activation: ConvActivation;
  /** Rate on the input of every layer. */
  readonly dropout: number;
}

/** Rules of its fields in an experiment. */
export const convLanguageModelRules = {
  dModel: { type: 'count', default: 256 },
  numLayers: { type: 'count', default: 6 },
  taps: { type: 'count', default: 3 },
  dilationGrowth: { type: 'count', default: 2 },
  activation: { type: 'choice', of: convActivations, default: 'glu' },
  dropout: { type: 'rate', default: 0.1 },
} as const satisfies OptionRules;

/** A small ByteNet: six layers that see 127 tokens. */
export const convLanguageModelDefaults: DefaultsOf<typeof convLanguageModelRules> =
  defaultsOf(convLanguageModelRules);

/** Embedding, causal convolutions, a norm and the projection to the vocabulary. */
export class ConvLanguageModel extends CausalLanguageModel {
  readonly config: ConvLanguageModelConfig;
  readonly embedding: Embedding;
  readonly stack: ConvStack;
  readonly norm: LayerNorm;
  readonly projection: Linear;

  /**
   * @param config - anything left out has the value of `convLanguageModelDefaults`
   * @throws {ConfigError} listing every field that cannot be used
   * @example
   * const model = new ConvLanguageModel({ vocabSize: 65, dModel: 64, numLayers: 4 });
   */
  constructor(
    config: Partial<ConvLanguageModelConfig> & Pick<ConvLanguageModelConfig, 'vocabSize'>,
    context: ModuleContext = { random: new Random(0, 'init') },
  ) {
    super();
    this.config = new ConfigChecks<ConvLanguageModelConfig>({ ...convLanguageModelDefaults, ...config })
      .whole(['vocabSize'])
      .rules(convLanguageModelRules)
      .done('model');
    const { vocabSize, dModel } = this.config;
    this.embedding = new Embedding(vocabSize, dModel, context, { std: 1 });
    this.stack = new ConvStack({ ...this.config, padding: 'causal' }, context);
    this.norm = new LayerNorm(dModel, context);
    this.projection = new Linear(dModel, vocabSize, context);
  }

  /** Windows slide over texts of any length. */
  get maxSeqLen(): number {
    return Number.MAX_SAFE_INTEGER;
  }

  get device(): Device {
    return this.embedding.weight.device;
  }

  /** Tokens that a prediction depends on. */
  get receptiveField(): number {
    return this.stack.receptiveField;
  }

  /**
   * Logits of the next token after every token.
   *
   * @param ids - int32 `[B, T]`
   * @param lengths - of texts that stand one after the other in one batch entry
   * @returns logits `[B, T, V]`
   */
  forward(ids: Tensor, lengths?: ArrayLike<number>): Tensor {
    return this.project(this.stack.forward(this.embedding.forward(ids), lengths));
  }

  /** Keeps as many inputs of each layer as its windows reach back; `_room` may be anything. */
  startDecoding(batch: number, _room: number): InputCaches {
    const { dtype, device } = this.embedding.weight;
    const zeros = (rows: number): Tensor => {
      const made = Tensor.empty([batch, rows, this.config.dModel], dtype, device, 'InputCaches').keep();
      made.data.fill(0);
      return made;
    };
    return new InputCaches(this.stack.layers.map(({ convolution }) => zeros(convolution.before)));
  }

  protected grow(ids: Tensor, cache: InputCaches): Tensor {
    const top = this.stack.step(this.embedding.forward(ids), cache.layers, (input, i) =>
      cache.push(i, input),
    );
    cache.length += ids.shape[1]!;
    return top;
  }

  protected project(x: Tensor): Tensor {
    return this.expose('logits', this.projection.forward(this.norm.forward(x)));
  }
}
