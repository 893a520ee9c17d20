/**
 * A tagger of stacked convolutions: the tag of a word from the `receptiveField` words around it, which grows with every
 * layer, where a window tagger must widen its one layer.
 *
 * Papers: Collobert et al. 2011, https://arxiv.org/abs/1103.0398 (convolutions over words for tags); Strubell et al.,
 * Fast and Accurate Entity Recognition with Iterated Dilated Convolutions, 2017, https://arxiv.org/abs/1702.02098
 * (dilations 1, 2, 4 …).
 *
 * Shapes: B batch · T tokens · C dModel.
 */
import { Random } from '../core/random.ts';
import type { Tensor } from '../core/tensor.ts';
import { type ConvActivation, ConvStack, convActivations } from '../nn/convolution/stack.ts';
import { Embedding } from '../nn/embedding.ts';
import { Linear } from '../nn/linear.ts';
import type { ModuleContext } from '../nn/module.ts';
import { LayerNorm } from '../nn/norms/layer-norm.ts';
import { type DefaultsOf, defaultsOf, type OptionRules } from '../nn/variants.ts';
import { ConfigChecks } from './config-checks.ts';
import { TaggingModel } from './tagging-model.ts';

/** Which words a window may see: as many on both sides, or none after its own. */
const paddings = ['centred', 'causal'] as const;

/** Sizes of a convolutional tagger. */
export interface ConvTaggerConfig {
  readonly vocabSize: number;
  readonly numTags: number;
  readonly dModel: number;
  readonly numLayers: number;
  /** Words of a window, k. */
  readonly taps: number;
  readonly padding: (typeof paddings)[number];
  /** Layer i looks `dilationGrowth^i` words apart. */
  readonly dilationGrowth: number;
  readonly activation: ConvActivation;
  /** Rate on the input of every layer. */
  readonly dropout: number;
}

/** Rules of its fields in an experiment. */
export const convTaggerRules = {
  dModel: { type: 'count', default: 64 },
  numLayers: { type: 'count', default: 3 },
  taps: { type: 'count', default: 3 },
  padding: { type: 'choice', of: paddings, default: 'centred' },
  dilationGrowth: { type: 'count', default: 2 },
  activation: { type: 'choice', of: convActivations, default: 'relu' },
  dropout: { type: 'rate', default: 0.1 },
} as const satisfies OptionRules;

/** Three layers that see seven words to each side. */
export const convTaggerDefaults: DefaultsOf<typeof convTaggerRules> = defaultsOf(convTaggerRules);

/** Embedding, convolutions, a norm and the projection to the tags. */
export class ConvTagger extends TaggingModel {
  readonly config: ConvTaggerConfig;
  readonly embedding: Embedding;
  readonly stack: ConvStack;
  readonly norm: LayerNorm;
  readonly projection: Linear;

  /**
   * @param config - anything left out has the value of `convTaggerDefaults`
   * @throws {ConfigError} listing every field that cannot be used
   * @example
   * const tagger = new ConvTagger({ vocabSize: 1000, numTags: 12, numLayers: 4 }); // sees 15 words to each side
   */
  constructor(
    config: Partial<ConvTaggerConfig> & Pick<ConvTaggerConfig, 'vocabSize' | 'numTags'>,
    context: ModuleContext = { random: new Random(0, 'init') },
  ) {
    super();
    this.config = new ConfigChecks<ConvTaggerConfig>({ ...convTaggerDefaults, ...config })
      .whole(['vocabSize', 'numTags'])
      .rules(convTaggerRules)
      .done('model');
    const { vocabSize, numTags, dModel } = this.config;
    this.embedding = new Embedding(vocabSize, dModel, context, { std: 1 });
    this.stack = new ConvStack(this.config, context);
    this.norm = new LayerNorm(dModel, context);
    this.projection = new Linear(dModel, numTags, context);
  }

  /** Words that a tag depends on. */
  get receptiveField(): number {
    return this.stack.receptiveField;
  }

  /**
   * @param ids - int32 `[B, T]`
   * @param lengths - of sentences that stand one after the other in one batch entry
   * @returns logits `[B, T, tags]`
   */
  forward(ids: Tensor, lengths?: ArrayLike<number>): Tensor {
    const top = this.stack.forward(this.embedding.forward(ids), lengths);
    return this.expose('logits', this.projection.forward(this.norm.forward(top)));
  }
}
