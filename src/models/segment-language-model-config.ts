/** Configuration of the language model of separate segments, checked as a whole. */
import { type DefaultsOf, defaultsOf, type OptionRules } from '../nn/variants.ts';
import { type Activation, activationNames } from '../ops/activate/index.ts';
import { ConfigChecks } from './config-checks.ts';

/** Sizes, variants and further losses of a language model of separate segments. */
export interface SegmentLanguageModelConfig {
  readonly vocabSize: number;
  /** Tokens of a segment. */
  readonly maxSeqLen: number;
  readonly dModel: number;
  readonly dFf: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly activation: Activation;
  readonly normPlacement: 'post' | 'pre';
  readonly normEps: number;
  /** Rate on the embeddings and on each sublayer's output. */
  readonly dropout: number;
  /** Rate on the attention weights. */
  readonly attentionDropout: number;
  /** Every layer predicts too; layer l of n until l / 2n of the training is over. */
  readonly intermediateLosses: boolean;
  /** Tokens that each place predicts: the next one, and with half the weight those after it. */
  readonly numTargets: number;
}

/** Rules of its fields in an experiment. */
export const segmentLanguageModelRules = {
  maxSeqLen: { type: 'count', default: 512 },
  dModel: { type: 'count', default: 256 },
  dFf: { type: 'count', default: 1024 },
  numLayers: { type: 'count', default: 6 },
  numHeads: { type: 'count', default: 4 },
  activation: { type: 'choice', of: activationNames, default: 'relu' },
  normPlacement: { type: 'choice', of: ['post', 'pre'], default: 'post' },
  normEps: { type: 'number', above: 0, default: 1e-5 },
  dropout: { type: 'rate', default: 0.1 },
  attentionDropout: { type: 'rate', default: 0 },
  intermediateLosses: { type: 'flag', default: true },
  numTargets: { type: 'count', default: 2 },
} as const satisfies OptionRules;

/** A small one, with every loss of the paper. */
export const segmentLanguageModelDefaults: DefaultsOf<typeof segmentLanguageModelRules> =
  defaultsOf(segmentLanguageModelRules);

/**
 * The configuration itself.
 *
 * @throws {ConfigError} listing every field that cannot be used
 */
export function checkSegmentLanguageModelConfig(
  config: SegmentLanguageModelConfig,
): SegmentLanguageModelConfig {
  return new ConfigChecks(config)
    .whole(['vocabSize'])
    .rules(segmentLanguageModelRules)
    .expect('numHeads', config.dModel % config.numHeads === 0, `a divisor of dModel (${config.dModel})`)
    .done('model');
}
