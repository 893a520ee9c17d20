/** Configuration of Transformer-XL, checked as a whole. */
import type { OptionRules } from '../nn/variants.ts';
import { type Activation, activations } from '../ops/activate/index.ts';
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
  activation: { type: 'choice', of: Object.keys(activations), default: 'relu' },
  normPlacement: { type: 'choice', of: ['post', 'pre'], default: 'pre' },
  normEps: { type: 'number', above: 0, default: 1e-5 },
  dropout: { type: 'rate', default: 0.1 },
  attentionDropout: { type: 'rate', default: 0 },
  tieEmbeddings: { type: 'flag', default: true },
} as const satisfies OptionRules;

/** A small Transformer-XL for characters. */
export const transformerXlDefaults = {
  dModel: 256,
  dFf: 1024,
  numLayers: 6,
  numHeads: 4,
  memoryLength: 128,
  activation: 'relu',
  normPlacement: 'pre',
  normEps: 1e-5,
  dropout: 0.1,
  attentionDropout: 0,
  tieEmbeddings: true,
} as const satisfies Partial<TransformerXlConfig>;

/**
 * The configuration itself.
 *
 * @throws {ConfigError} listing every field that cannot be used
 */
export function checkTransformerXlConfig(config: TransformerXlConfig): TransformerXlConfig {
  return new ConfigChecks(config)
    .whole(['vocabSize', 'dModel', 'dFf', 'numLayers', 'numHeads'])
    .whole(['memoryLength'], 0)
    .expect('numHeads', config.dModel % config.numHeads === 0, `a divisor of dModel (${config.dModel})`)
    .oneOf('activation', Object.keys(activations))
    .oneOf('normPlacement', ['post', 'pre'])
    .expect('normEps', config.normEps > 0, 'a number above 0')
    .rates(['dropout', 'attentionDropout'])
    .done('model');
}
