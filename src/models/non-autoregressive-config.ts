/** Configuration of the non-autoregressive Transformer, checked as a whole. */
import { type DefaultsOf, defaultsOf, type OptionRules } from '../nn/variants.ts';
import { ConfigChecks } from './config-checks.ts';

/** How the length of a target text is found. */
const lengthSources = ['predict', 'end'] as const;
/** Which target tokens are hidden from the decoder in training. */
const maskings = ['all', 'random'] as const;

/** Sizes and variants of a non-autoregressive Transformer. */
export interface NonAutoregressiveConfig {
  readonly sourceVocabSize: number;
  readonly targetVocabSize: number;
  /** Longest text on either side, in tokens. */
  readonly maxSeqLen: number;
  readonly dModel: number;
  readonly dFf: number;
  readonly numHeads: number;
  readonly numEncoderLayers: number;
  readonly numDecoderLayers: number;
  readonly dropout: number;
  readonly normPlacement: 'post' | 'pre';
  /** `predict` it from the source, or write more than enough and cut at the `end` token. */
  readonly length: (typeof lengthSources)[number];
  /** `all`, as in a single pass; or a `random` number of tokens, for mask-predict. */
  readonly masking: (typeof maskings)[number];
  /** Passes of mask-predict in decoding; 1 is a single parallel pass. */
  readonly iterations: number;
  /** Id whose embedding is zero. */
  readonly paddingId: number;
}

/** Rules of its fields in an experiment. */
export const nonAutoregressiveRules = {
  maxSeqLen: { type: 'count', default: 512 },
  dModel: { type: 'count', default: 512 },
  dFf: { type: 'count', default: 2048 },
  numHeads: { type: 'count', default: 8 },
  numEncoderLayers: { type: 'count', default: 6 },
  numDecoderLayers: { type: 'count', default: 6 },
  dropout: { type: 'rate', default: 0.1 },
  normPlacement: { type: 'choice', of: ['post', 'pre'], default: 'post' },
  length: { type: 'choice', of: lengthSources, default: 'predict' },
  masking: { type: 'choice', of: maskings, default: 'all' },
  iterations: { type: 'count', default: 1 },
} as const satisfies OptionRules;

/** A model of the paper's base size that predicts the length and decodes in one pass. */
export const nonAutoregressiveDefaults: DefaultsOf<typeof nonAutoregressiveRules> & {
  readonly paddingId: 0;
} = {
  ...defaultsOf(nonAutoregressiveRules),
  paddingId: 0,
};

/**
 * The configuration itself.
 *
 * @throws {ConfigError} listing every field that cannot be used
 */
export function checkNonAutoregressiveConfig(config: NonAutoregressiveConfig): NonAutoregressiveConfig {
  return new ConfigChecks(config)
    .whole(['sourceVocabSize', 'targetVocabSize'])
    .rules(nonAutoregressiveRules)
    .expect('numHeads', config.dModel % config.numHeads === 0, `a divisor of dModel (${config.dModel})`)
    .expect('masking', config.length === 'predict' || config.masking === 'all', 'all with length "end"')
    .expect(
      'iterations',
      config.masking === 'random' || config.iterations === 1,
      '1 unless masking is "random": the decoder has never seen a target token',
    )
    .done('model');
}
