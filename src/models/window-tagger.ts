/**
 * The window tagger: the tag of a word from the words around it, by one hidden layer.
 *
 * It cannot tell the two words apart in "I saw a saw" unless the window is wide enough to see what differs; and every
 * step of width adds weights and work.
 *
 * Paper: Collobert et al., Natural Language Processing (Almost) from Scratch, 2011, https://arxiv.org/abs/1103.0398
 *
 * Shapes: B batch · T tokens · C dModel · F dFf.
 */
import { Random } from '../core/random.ts';
import type { Tensor } from '../core/tensor.ts';
import { Conv1d } from '../nn/convolution/conv1d.ts';
import { Embedding } from '../nn/embedding.ts';
import { Linear } from '../nn/linear.ts';
import type { ModuleContext } from '../nn/module.ts';
import { Dropout } from '../nn/residual.ts';
import { type DefaultsOf, defaultsOf, type OptionRules } from '../nn/variants.ts';
import { relu } from '../ops/elementwise/unary.ts';
import { ConfigChecks } from './config-checks.ts';
import { TaggingModel } from './tagging-model.ts';

/** Sizes of a window tagger. */
export interface WindowTaggerConfig {
  readonly vocabSize: number;
  readonly numTags: number;
  readonly dModel: number;
  /** Words that are seen on each side; 0 sees the word alone. */
  readonly window: number;
  /** Width of the hidden layer. */
  readonly dFf: number;
  readonly dropout: number;
}

/** Rules of its fields in an experiment; by default five words, as in the paper. */
export const windowTaggerRules = {
  dModel: { type: 'count', default: 50 },
  window: { type: 'count', min: 0, default: 2 },
  dFf: { type: 'count', default: 300 },
  dropout: { type: 'rate', default: 0 },
} as const satisfies OptionRules;

/** What a field is where it is left out. */
export const windowTaggerDefaults: DefaultsOf<typeof windowTaggerRules> = defaultsOf(windowTaggerRules);

/** `W₂ relu(W₁ [x_{t−w}; …; x_{t+w}] + b₁) + b₂`, zeros outside the sentence. */
export class WindowTagger extends TaggingModel {
  readonly config: WindowTaggerConfig;
  readonly embedding: Embedding;
  /** The fully connected layer on every window: a convolution. */
  readonly inner: Conv1d;
  readonly outer: Linear;
  private readonly dropped: Dropout;

  /**
   * @param config - anything left out has the value of `windowTaggerDefaults`
   * @throws {ConfigError} listing every field that cannot be used
   * @example
   * const tagger = new WindowTagger({ vocabSize: 1000, numTags: 12, window: 1 });
   */
  constructor(
    config: Partial<WindowTaggerConfig> & Pick<WindowTaggerConfig, 'vocabSize' | 'numTags'>,
    context: ModuleContext = { random: new Random(0, 'init') },
  ) {
    super();
    this.config = new ConfigChecks<WindowTaggerConfig>({ ...windowTaggerDefaults, ...config })
      .whole(['vocabSize', 'numTags'])
      .rules(windowTaggerRules)
      .done('model');
    const { vocabSize, numTags, dModel, window, dFf, dropout } = this.config;
    this.embedding = new Embedding(vocabSize, dModel, context);
    const inner = { inputWidth: dModel, outputWidth: dFf, taps: 2 * window + 1 };
    this.inner = new Conv1d(inner, context);
    this.outer = new Linear(dFf, numTags, context);
    this.dropped = new Dropout(dropout);
  }

  /**
   * @param ids - int32 `[B, T]`
   * @param lengths - of sentences that stand one after the other in one batch entry
   * @returns logits `[B, T, tags]`
   */
  forward(ids: Tensor, lengths?: ArrayLike<number>): Tensor {
    return this.tag(this.embedding.forward(ids), lengths);
  }

  /** Word vectors `[B, T, C]` to logits `[B, T, tags]`. */
  tag(x: Tensor, lengths?: ArrayLike<number>): Tensor {
    const hidden = relu(this.inner.forward(this.dropped.forward(x), lengths));
    return this.expose('logits', this.outer.forward(hidden));
  }
}
