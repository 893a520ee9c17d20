/** Configuration of Transformer-XL, checked as a whole. */
import { type DefaultsOf, defaultsOf, type OptionRules } from '../nn/variants.ts';
import { type Activation, activationNames } from '../ops/activate/index.ts';
import { ConfigChecks } from './config-checks.ts';

/** Sizes and variants of a Transformer-XL. */
export interface TransformerXlConfig {
  readonly vocabSize: number;
  readonly dModel: number;
  readonly dFf: number;
  readonly numLayers: number;
  readonly numHeads: number;
  /** Tokens of earlier segments that every layer sees, M; 0 for a model of separate segments. */
  readonly memoryLength: number;
  readonly activation: Activation;
  readonly normPlacement: 'post' | 'pre';
  readonly normEps: number;
  /** Rate on the embeddings and on each sublayer's output. */
  readonly dropout: number;
  /** Rate on the attention weights. */
  readonly attentionDropout: number;
  /** The token table is the output projection too. */
  readonly tieEmbeddings: boolean;
}

/** Rules of its fields in an experiment. */
export const transformerXlRules = {
  dModel: { type: 'count', default: 256 },
  dFf: { type: 'count', default: 1024 },
  numLayers: { type: 'count', default: 6 },
  numHeads: { type: 'count', default: 4 },
  memoryLength: { type: 'count', min: 0, default: 128 },
  activation: { type: 'choice', of: activationNames, default: 'relu' },
  normPlacement: { type: 'choice', of: ['post', 'pre'], default: 'pre' },
  normEps: { type: 'number', above: 0, default: 1e-5 },
  dropout: { type: 'rate', default: 0.1 },
  attentionDropout: { type: 'rate', default: 0 },
  tieEmbeddings: { type: 'flag', default: true },
} as const satisfies OptionRules;

/** A small Transformer-XL for characters. */
export const transformerXlDefaults: DefaultsOf<typeof transformerXlRules> = defaultsOf(transformerXlRules);

/**
 * The configuration itself.
 *
 * @throws {ConfigError} listing every field that cannot be used
 */
export function checkTransformerXlConfig(config: TransformerXlConfig): TransformerXlConfig {
  return new ConfigChecks(config)
    .whole(['vocabSize'])
    .rules(transformerXlRules)
    .expect('numHeads', config.dModel % config.numHeads === 0, `a divisor of dModel (${config.dModel})`)
    .done('model');
}
