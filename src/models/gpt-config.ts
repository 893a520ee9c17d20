/** Configuration of the decoder-only Transformer, checked as a whole. */
import { ConfigError, type ConfigIssue } from '../errors.ts';
import { type NormChoice, norms } from '../nn/norms/index.ts';
import { choiceIssues, type OptionRules } from '../nn/variants.ts';
import { type Activation, activations } from '../ops/activate/index.ts';

/** Sizes and variants of a decoder-only Transformer. */
export interface GptConfig {
  readonly vocabSize: number;
  /** Longest text, in tokens: rows of the position table. */
  readonly maxSeqLen: number;
  readonly dModel: number;
  readonly numLayers: number;
  readonly numHeads: number;
  /** Inner width of the feed-forward network; 4 · dModel when absent. */
  readonly dFf?: number | undefined;
  /** `gelu` with the error function, or GPT-2's own `geluTanh`. */
  readonly activation: Activation;
  /** Whether the linear layers have biases; the norms always have. */
  readonly bias: boolean;
  /** Rate on the embedding sums and on each sublayer's output. */
  readonly dropout: number;
  /** Rate on the attention weights. */
  readonly attentionDropout: number;
  /** The token table is the output projection too. */
  readonly tieEmbeddings: boolean;
  /** Kind of all norms. */
  readonly norm: NormChoice;
  readonly normEps: number;
  /** Standard deviation of the first weights; those that end a sublayer get 1/√(2 L) of it. */
  readonly initializerStd: number;
}

/** GPT-2 with 124 million parameters. Paper: Radford et al. 2019. */
export const gptDefaults: GptConfig = {
  vocabSize: 50257,
  maxSeqLen: 1024,
  dModel: 768,
  numLayers: 12,
  numHeads: 12,
  activation: 'geluTanh',
  bias: true,
  dropout: 0.1,
  attentionDropout: 0.1,
  tieEmbeddings: true,
  norm: 'layer',
  normEps: 1e-5,
  initializerStd: 0.02,
};

/** Rules of its fields in an experiment; sizes have the values of nanoGPT's model of characters. */
export const gptRules = {
  maxSeqLen: { type: 'count', default: 256 },
  dModel: { type: 'count', default: 384 },
  numLayers: { type: 'count', default: 6 },
  numHeads: { type: 'count', default: 6 },
  dFf: { type: 'count' },
  activation: { type: 'choice', of: Object.keys(activations), default: 'geluTanh' },
  bias: { type: 'flag', default: true },
  dropout: { type: 'rate', default: 0.1 },
  attentionDropout: { type: 'rate', default: 0.1 },
  tieEmbeddings: { type: 'flag', default: true },
  normEps: { type: 'number', above: 0, default: 1e-5 },
  initializerStd: { type: 'number', above: 0, default: 0.02 },
} as const satisfies OptionRules;

/**
 * The configuration itself.
 *
 * @throws {ConfigError} listing every field that cannot be used
 */
export function checkGptConfig(config: GptConfig): GptConfig {
  const issues: ConfigIssue[] = [];
  const check = (path: keyof GptConfig, fine: boolean, expected: string): void => {
    if (!fine) issues.push({ path, message: `expected ${expected}, got ${JSON.stringify(config[path])}` });
  };
  const whole = (value: number | undefined): boolean => Number.isSafeInteger(value) && value! >= 1;
  for (const path of ['vocabSize', 'maxSeqLen', 'dModel', 'numHeads'] as const) {
    check(path, whole(config[path]), 'a whole number of at least 1');
  }
  check('numLayers', whole(config.numLayers) && config.numLayers <= 1000, 'a whole number from 1 to 1000');
  check('dFf', config.dFf === undefined || whole(config.dFf), 'a whole number of at least 1');
  check('numHeads', config.dModel % config.numHeads === 0, `a divisor of dModel (${config.dModel})`);
  const known = Object.keys(activations);
  check('activation', known.includes(config.activation), `one of ${known.join(', ')}`);
  for (const path of ['dropout', 'attentionDropout'] as const) {
    check(path, config[path] >= 0 && config[path] < 1, 'a rate of at least 0 and below 1');
  }
  for (const path of ['normEps', 'initializerStd'] as const) {
    check(path, config[path] > 0 && Number.isFinite(config[path]), 'a number above 0');
  }
  if (issues.length === 0) {
    issues.push(
      ...choiceIssues('norm', norms, config.norm, {
        width: config.dModel,
        eps: config.normEps,
        causal: true,
      }),
    );
  }
  if (issues.length > 0) {
    const problem = issues.map(({ path, message }) => `${path}: ${message}`).join('; ');
    throw new ConfigError({ where: 'Gpt', problem, issues });
  }
  return config;
}
