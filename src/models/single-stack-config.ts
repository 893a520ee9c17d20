/** Configuration of models that are one stack of layers between a token table and an output, checked as a whole. */
import type { ConfigIssue } from '../errors.ts';
import { type ScoreScale, scoreScales } from '../nn/attention/attend.ts';
import { type AttentionChoice, attentions, treeAttentions } from '../nn/attention/kinds.ts';
import type { AttentionSizes } from '../nn/attention/layer.ts';
import { deepNormFactors } from '../nn/deep-norm.ts';
import { type FeedForwardChoice, type FeedForwardSizes, feedForwards } from '../nn/feed-forwards/index.ts';
import { type Initializer, normal } from '../nn/initializers.ts';
import { type NormChoice, type NormSizes, norms } from '../nn/norms/index.ts';
import { type PositionChoice, type PositionSizes, positions, treePositions } from '../nn/position/index.ts';
import { type NormPlacement, normPlacements } from '../nn/residual.ts';
import { choiceIssues, kindOf, type OptionRules } from '../nn/variants.ts';
import { type Activation, activations } from '../ops/activate/index.ts';
import { ConfigChecks } from './config-checks.ts';
import type { StackPlan } from './stack-plan.ts';
import { unusedOptions } from './unused-options.ts';

/** Sizes and variants of a model of one stack. */
export interface SingleStackConfig {
  readonly vocabSize: number;
  /** Longest text, in tokens: rows of a table of positions. */
  readonly maxSeqLen: number;
  readonly dModel: number;
  readonly numLayers: number;
  readonly numHeads: number;
  /** Width of a head; dModel / numHeads when absent. */
  readonly headDim?: number | undefined;
  /** Inner width of the feed-forward network; 4 · dModel when absent. */
  readonly dFf?: number | undefined;
  /** Of a network without a gate: `gelu` with the error function, or GPT-2's own `geluTanh`. */
  readonly activation: Activation;
  /** Whether attention and `mlp` have biases; gated networks have an option of their own, norms always have theirs. */
  readonly bias: boolean;
  /** Rate on the embedding sums and on each sublayer's output. */
  readonly dropout: number;
  /** Rate on the attention weights. */
  readonly attentionDropout: number;
  /** Rate inside the feed-forward network. */
  readonly activationDropout: number;
  /** Name of a kind of position information, or a group of `kind` and its options. */
  readonly position: PositionChoice;
  /** Kind of self-attention. */
  readonly attention: AttentionChoice;
  /** Factor on the products of queries and keys. */
  readonly attentionScale: ScoreScale;
  /** Kind of all norms. */
  readonly norm: NormChoice;
  readonly feedForward: FeedForwardChoice;
  /** A norm before each sublayer and one at the end, one after each residual sum, or DeepNorm. */
  readonly normPlacement: NormPlacement;
  readonly normEps: number;
  /** The two sublayers of a layer side by side in one residual connection (GPT-J). */
  readonly parallelResidual: boolean;
  /** Rate at which training leaves out the last layer, earlier ones less often; see `StochasticDepth`. */
  readonly stochasticDepth: number;
  /** All layers share their parameters (ALBERT). */
  readonly shareLayers: boolean;
  /** Multiplies token vectors by √dModel. */
  readonly scaleEmbeddings: boolean;
  /** The token table is the output projection too. */
  readonly tieEmbeddings: boolean;
  /** Standard deviation of the first weights; those that end a sublayer get 1/√(2 L) of it. */
  readonly initializerStd: number;
}

/** GPT-2's. */
export const causalActivation: Activation = 'geluTanh';

/** What GPT-2 and BERT have in common, but for sizes and activation. */
export const singleStackDefaults = {
  bias: true,
  dropout: 0.1,
  attentionDropout: 0.1,
  activationDropout: 0,
  position: 'learned',
  attention: 'multi-head',
  attentionScale: 'sqrt',
  norm: 'layer',
  feedForward: 'mlp',
  parallelResidual: false,
  stochasticDepth: 0,
  shareLayers: false,
  scaleEmbeddings: false,
  tieEmbeddings: true,
  normEps: 1e-5,
  initializerStd: 0.02,
} as const satisfies Partial<SingleStackConfig>;

/** Rules of its fields in an experiment; sizes have the values of nanoGPT's model of characters. */
export function singleStackRules(own: Pick<SingleStackConfig, 'activation' | 'normPlacement'>) {
  return {
    maxSeqLen: { type: 'count', default: 256 },
    dModel: { type: 'count', default: 384 },
    numLayers: { type: 'count', default: 6 },
    numHeads: { type: 'count', default: 6 },
    headDim: { type: 'count' },
    dFf: { type: 'count' },
    activation: { type: 'choice', of: Object.keys(activations), default: own.activation },
    bias: { type: 'flag', default: true },
    dropout: { type: 'rate', default: 0.1 },
    attentionDropout: { type: 'rate', default: 0.1 },
    activationDropout: { type: 'rate', default: 0 },
    position: { type: 'variant', of: positions, default: 'learned' },
    attention: { type: 'variant', of: attentions, default: 'multi-head' },
    attentionScale: { type: 'choice', of: Object.keys(scoreScales), default: 'sqrt' },
    norm: { type: 'variant', of: norms, default: 'layer' },
    feedForward: { type: 'variant', of: feedForwards, default: 'mlp' },
    normPlacement: { type: 'choice', of: normPlacements, default: own.normPlacement },
    normEps: { type: 'number', above: 0, default: 1e-5 },
    parallelResidual: { type: 'flag', default: false },
    stochasticDepth: { type: 'rate', default: 0 },
    shareLayers: { type: 'flag', default: false },
    scaleEmbeddings: { type: 'flag', default: false },
    tieEmbeddings: { type: 'flag', default: true },
    initializerStd: { type: 'number', above: 0, default: 0.02 },
  } as const satisfies OptionRules;
}

/** Whether depth is met by DeepNorm's factors, in place of smaller weights at the ends of sublayers. */
function isDeep({ normPlacement }: SingleStackConfig): boolean {
  return normPlacement === 'deep';
}

/** First values of the weights that end a sublayer. */
function lastWeights(config: SingleStackConfig): Initializer {
  const { initializerStd: std, numLayers } = config;
  return normal(isDeep(config) ? std : std / Math.sqrt(2 * numLayers));
}

function attentionSizes(config: SingleStackConfig, isCausal: boolean): AttentionSizes {
  const { dModel, numHeads, maxSeqLen, bias, initializerStd, attentionScale } = config;
  const headDim = config.headDim ?? dModel / numHeads;
  return {
    role: isCausal ? 'decoder' : 'encoder',
    ...{ dModel, numHeads, headDim, valueDim: headDim, maxSeqLen, bias },
    dropout: config.attentionDropout,
    scale: attentionScale,
    position: kindOf(config.position ?? 'none'), // what comes from a file may be null
    // One matrix has one kind of first values: DeepNorm gives values others, T5 gives queries and keys others.
    joined: !isDeep(config) && attentionScale !== 't5',
    ...(attentionScale !== 't5' && { initializer: normal(initializerStd) }),
    outputInitializer: lastWeights(config),
  };
}

function feedForwardSizes(config: SingleStackConfig): FeedForwardSizes {
  const { dModel, activation, bias, initializerStd } = config;
  return {
    dModel,
    dFf: config.dFf ?? 4 * dModel,
    activation,
    bias,
    dropout: config.activationDropout,
    innerInitializer: normal(initializerStd),
    outerInitializer: lastWeights(config),
  };
}

function normSizes({ dModel, normEps }: SingleStackConfig, isCausal: boolean): NormSizes {
  return { width: dModel, eps: normEps, causal: isCausal };
}

/** What the positions of the stack are made for. */
export function singlePositionSizes(config: SingleStackConfig, isCausal: boolean): PositionSizes {
  const { dModel, numLayers, initializerStd } = config;
  const { numHeads, headDim, valueDim, maxSeqLen } = attentionSizes(config, isCausal);
  const heads = { numHeads, headDim, valueDim };
  return { width: dModel, maxSeqLen, numLayers, ...heads, causal: isCausal, initializerStd };
}

/**
 * What the stack is made of.
 *
 * @param isCausal - whether a token sees no later ones
 */
export function singleStackPlan(config: SingleStackConfig, isCausal: boolean): StackPlan {
  const { dModel, numLayers, normPlacement: placement, norm, normEps, dropout } = config;
  const { inputScale, gain } = isDeep(config)
    ? deepNormFactors('decoder', { encoder: 0, decoder: numLayers })
    : { inputScale: 1, gain: 1 };
  const layer = {
    selfAttention: { choice: config.attention, sizes: attentionSizes(config, isCausal) },
    crossAttention: null,
    feedForward: { choice: config.feedForward, sizes: feedForwardSizes(config) },
    residual: { dModel, placement, dropout, norm, normEps, inputScale },
    isParallel: config.parallelResidual,
    gain,
  };
  return {
    numLayers,
    shareLayers: config.shareLayers,
    stochasticDepth: config.stochasticDepth,
    finalNorm: placement === 'pre' ? { choice: norm, sizes: normSizes(config, isCausal) } : null,
    layer: () => layer,
  };
}

/** Kinds that look at dependency trees, which a running text has not. */
function treeIssues({ position, attention }: SingleStackConfig): ConfigIssue[] {
  const needs = (path: string, kinds: ReadonlySet<string>, choice: PositionChoice | AttentionChoice) =>
    kinds.has(kindOf(choice ?? ''))
      ? [{ path, message: `${kindOf(choice)}: it needs trees, and only sources of a Transformer have them` }]
      : [];
  return [...needs('position', treePositions, position), ...needs('attention', treeAttentions, attention)];
}

const parallelDeep: ConfigIssue = {
  path: 'parallelResidual',
  message: 'expected false with normPlacement deep, whose factors count sublayers in a row, got true',
};

/** What is wrong with the mechanisms that a configuration chooses: unknown kinds and options, and clashes. */
export function singleStackClashes(config: SingleStackConfig, isCausal: boolean): ConfigIssue[] {
  if (config.headDim === undefined && config.dModel % config.numHeads !== 0) {
    const expected = `expected a divisor of dModel (${config.dModel}), or a headDim`;
    return [{ path: 'numHeads', message: `${expected}, got ${config.numHeads}` }];
  }
  const issues = [
    ...treeIssues(config),
    ...(config.parallelResidual && isDeep(config) ? [parallelDeep] : []),
    ...choiceIssues('position', positions, config.position, singlePositionSizes(config, isCausal)),
    ...choiceIssues('attention', attentions, config.attention, attentionSizes(config, isCausal)),
    ...choiceIssues('norm', norms, config.norm, normSizes(config, isCausal)),
    ...choiceIssues('feedForward', feedForwards, config.feedForward, feedForwardSizes(config)),
  ];
  return issues.length > 0 ? issues : unusedIssues(config, isCausal);
}

/** Options that the chosen mechanisms have no use for; the head of a masked language model has one for the activation. */
function unusedIssues(config: SingleStackConfig, isCausal: boolean): ConfigIssue[] {
  const activation = isCausal ? config.activation : undefined;
  const options = { ...config, selfAttention: [config.attention], activation };
  return unusedOptions(options, { ...singleStackDefaults, activation: causalActivation });
}

/**
 * The configuration itself.
 *
 * @param where - the model, for the message
 * @throws {ConfigError} listing every field that cannot be used
 */
export function checkSingleStack<C extends SingleStackConfig>(
  where: string,
  config: C,
  isCausal: boolean,
): C {
  const { headDim, numLayers, dModel, numHeads } = config;
  const checks = new ConfigChecks<SingleStackConfig>(config)
    .whole(['vocabSize'])
    .expect('numHeads', headDim !== undefined || dModel % numHeads === 0, `a divisor of dModel (${dModel})`)
    .expect('numLayers', !(numLayers > 1000), 'a whole number from 1 to 1000')
    .rules(singleStackRules(config));
  if (checks.fine) checks.also(singleStackClashes(config, isCausal));
  checks.done(where);
  return config;
}
