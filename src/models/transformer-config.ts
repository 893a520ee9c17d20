/** Configuration of the encoder–decoder Transformer, checked as a whole. */
import { type ConfigIssue, refuseIssues } from '../errors.ts';
import { type ScoreScale, scoreScales } from '../nn/attention/attend.ts';
import { type AttentionChoice, attentions, treeAttentions } from '../nn/attention/kinds.ts';
import type { AttentionRole, AttentionSizes } from '../nn/attention/layer.ts';
import { type DeepNormFactors, deepNormFactors } from '../nn/deep-norm.ts';
import { type FeedForwardChoice, type FeedForwardSizes, feedForwards } from '../nn/feed-forwards/index.ts';
import { type NormChoice, type NormSizes, norms } from '../nn/norms/index.ts';
import { type PositionChoice, type PositionSizes, positions, treePositions } from '../nn/position/index.ts';
import { type NormPlacement, normPlacements } from '../nn/residual.ts';
import { choiceIssues, kindOf, nameIssues } from '../nn/variants.ts';
import { type Activation, activationNames } from '../ops/activate/index.ts';
import { keptHeads, type PrunedHeads, prunedHeadsIssues } from './pruned-heads.ts';
import type { AttentionPlan, LayerPlan, StackPlan } from './stack-plan.ts';
import { unusedOptions } from './unused-options.ts';

/** What shares one matrix of embeddings. */
export const tiedEmbeddings = ['none', 'target', 'all'] as const;

/** Sizes and variants of a Transformer. */
export interface TransformerConfig {
  readonly sourceVocabSize: number;
  readonly targetVocabSize: number;
  /** Width of every vector, 512 in the paper. */
  readonly dModel: number;
  /** Inner width of the feed-forward network, 2048 in the paper. */
  readonly dFf: number;
  readonly numHeads: number;
  readonly numEncoderLayers: number;
  readonly numDecoderLayers: number;
  /** Rate on the embedding sums and on each sublayer's output, 0.1 in the paper. */
  readonly dropout: number;
  /** Rate on the attention weights. */
  readonly attentionDropout: number;
  /** Rate inside the feed-forward network. */
  readonly activationDropout: number;
  readonly activation: Activation;
  /** Norm after each residual sum (the paper), before each sublayer, or after a sum with the scaled input (DeepNorm). */
  readonly normPlacement: NormPlacement;
  /** A norm at the end of encoder and decoder; needed with pre-norm. */
  readonly finalNorm: boolean;
  readonly normEps: number;
  /** Name of a kind of position information, or a group of `kind` and its options. */
  readonly position: PositionChoice;
  /** Kind of the encoder's, and of the decoder's, where it is another one. */
  readonly encoderPosition?: PositionChoice | undefined;
  readonly decoderPosition?: PositionChoice | undefined;
  /** Kind of all self-attention. */
  readonly attention: AttentionChoice;
  /** Kind of the encoder's, of the decoder's, and of the attention between them, where it is another one. */
  readonly encoderAttention?: AttentionChoice | undefined;
  readonly decoderAttention?: AttentionChoice | undefined;
  readonly crossAttention?: AttentionChoice | undefined;
  /** Kind of all norms. */
  readonly norm: NormChoice;
  /** Kind of the encoder's, and of the decoder's, where it is another one. */
  readonly encoderNorm?: NormChoice | undefined;
  readonly decoderNorm?: NormChoice | undefined;
  readonly feedForward: FeedForwardChoice;
  /** Multiplies token vectors by √dModel. */
  readonly scaleEmbeddings: boolean;
  /** One matrix for: nothing, target embedding and output, or source and target embedding and output. */
  readonly tieEmbeddings: (typeof tiedEmbeddings)[number];
  /** Factor on the attention scores: 1/√D (the paper), none, linear 1/D, or t5: none, with smaller first queries. */
  readonly attentionScale: ScoreScale;
  /** Width of the queries and keys of a head; dModel / numHeads when absent. */
  readonly headDim?: number | undefined;
  /** Width of the values of a head. */
  readonly valueDim?: number | undefined;
  /** All encoder layers share their parameters, and all decoder layers theirs (ALBERT). */
  readonly shareLayers: boolean;
  /**
   * Words can be copied from the source: outputs are log-probabilities of the vocabulary and of ids beyond it, which
   * stand for words that the vocabulary lacks and are read as `unknownId`. Needs one vocabulary on both sides, and no
   * label smoothing.
   */
  readonly copy: boolean;
  /** Of the ids of both vocabularies, how many at their end stand for hidden spans; none by default. */
  readonly sentinels?: number | undefined;
  /** k: heads that say the k − 1 tokens after the next one, for blockwise decoding; none by default. */
  readonly blockwise?: number | undefined;
  /** Heads that were taken out; see `pruneHeads`. */
  readonly prunedHeads?: PrunedHeads | undefined;
  /** The sublayers of a layer side by side in one residual connection, instead of one after the other (GPT-J). */
  readonly parallelResidual: boolean;
  /** Rate at which training leaves out the last layer of a stack, earlier ones less often; see `StochasticDepth`. */
  readonly stochasticDepth: number;
  readonly maxSeqLen: number;
  /** Id of padding, in both vocabularies. */
  readonly paddingId: number;
  /** Id of unknown words, in both vocabularies. */
  readonly unknownId: number;
}

/** The base model of the paper, but for the vocabularies. */
export const transformerDefaults: Omit<TransformerConfig, 'sourceVocabSize' | 'targetVocabSize'> = {
  dModel: 512,
  dFf: 2048,
  numHeads: 8,
  numEncoderLayers: 6,
  numDecoderLayers: 6,
  dropout: 0.1,
  attentionDropout: 0,
  activationDropout: 0,
  activation: 'relu',
  normPlacement: 'post',
  finalNorm: false,
  normEps: 1e-5,
  position: 'sinusoidal',
  attention: 'multi-head',
  norm: 'layer',
  feedForward: 'mlp',
  scaleEmbeddings: true,
  tieEmbeddings: 'none',
  attentionScale: 'sqrt',
  shareLayers: false,
  parallelResidual: false,
  stochasticDepth: 0,
  copy: false,
  maxSeqLen: 512,
  paddingId: 0,
  unknownId: 1,
};

/**
 * The configuration itself.
 *
 * @throws {ConfigError} listing every field that cannot be used
 */
export function checkTransformerConfig(config: TransformerConfig): TransformerConfig {
  const issues: ConfigIssue[] = [];
  const check = (path: keyof TransformerConfig, fine: boolean, expected: string): void => {
    if (!fine) issues.push({ path, message: `expected ${expected}, got ${JSON.stringify(config[path])}` });
  };
  const whole = (value: number | undefined): boolean => Number.isSafeInteger(value) && value! >= 1;
  const sizes = ['sourceVocabSize', 'targetVocabSize', 'dModel', 'dFf', 'numHeads', 'maxSeqLen'] as const;
  for (const path of sizes) check(path, whole(config[path]), 'a whole number of at least 1');
  for (const path of ['numEncoderLayers', 'numDecoderLayers'] as const) {
    check(path, whole(config[path]) && config[path] <= 1000, 'a whole number from 1 to 1000');
  }
  for (const path of ['dropout', 'attentionDropout', 'activationDropout', 'stochasticDepth'] as const) {
    check(path, config[path] >= 0 && config[path] < 1, 'a rate of at least 0 and below 1');
  }
  const fits = config.headDim !== undefined || config.dModel % config.numHeads === 0;
  check('numHeads', fits, `a divisor of dModel (${config.dModel}), or a headDim`);
  const oneOf = (path: keyof TransformerConfig, known: readonly string[]): void => {
    issues.push(...nameIssues(path, config[path], known));
  };
  oneOf('normPlacement', normPlacements);
  const isOneByOne = !(config.parallelResidual && config.normPlacement === 'deep');
  check(
    'parallelResidual',
    isOneByOne,
    'false with normPlacement deep, whose factors count sublayers in a row',
  );
  oneOf('activation', activationNames);
  oneOf('attentionScale', Object.keys(scoreScales));
  oneOf('tieEmbeddings', tiedEmbeddings);
  if (issues.length === 0) issues.push(...mechanismIssues(config));
  const sameVocabulary = config.tieEmbeddings !== 'all' || config.sourceVocabSize === config.targetVocabSize;
  check('tieEmbeddings', sameVocabulary, 'one vocabulary for source and target with "all"');
  const canCopy = !config.copy || config.sourceVocabSize === config.targetVocabSize;
  check('copy', canCopy, 'one vocabulary for source and target');
  const { blockwise } = config;
  check(
    'blockwise',
    blockwise === undefined || (whole(blockwise) && blockwise >= 2),
    'a whole number of at least 2',
  );
  check(
    'blockwise',
    blockwise === undefined || !config.copy,
    'none with copy: heads for later tokens copy nothing',
  );
  refuseIssues('Transformer', issues);
  return config;
}

/** The kind of attention of a role: what the configuration says of the role, or of all self-attention. */
function attentionChoice(config: TransformerConfig, role: AttentionRole): AttentionChoice {
  const { attention, encoderAttention, decoderAttention, crossAttention } = config;
  if (role === 'cross') return crossAttention ?? 'multi-head';
  return (role === 'encoder' ? encoderAttention : decoderAttention) ?? attention;
}

/**
 * What the attention layers of a role are made for.
 *
 * @param path - of the layer, which may have lost heads
 */
function attentionSizes(config: TransformerConfig, role: AttentionRole, path?: string): AttentionSizes {
  const { dModel, attentionDropout, attentionScale, maxSeqLen, prunedHeads } = config;
  const numHeads =
    path === undefined ? config.numHeads : keptHeads(config.numHeads, prunedHeads, path).length;
  const headDim = config.headDim ?? dModel / config.numHeads;
  const widths = { dModel, numHeads, headDim, valueDim: config.valueDim ?? headDim, maxSeqLen };
  const stack = role === 'encoder' ? role : 'decoder';
  const position = kindOf(positionChoice(config, stack) ?? 'none'); // what comes from a file may be null
  return { role, ...widths, dropout: attentionDropout, scale: attentionScale, position };
}

/** What the feed-forward networks are made for. */
function feedForwardSizes(config: TransformerConfig): FeedForwardSizes {
  const { dModel, dFf, activation, activationDropout } = config;
  return { dModel, dFf, activation, dropout: activationDropout };
}

/** One of the two stacks of layers. */
export type StackRole = 'encoder' | 'decoder';

/** The kind of norm of a stack: what the configuration says of the stack, or of all norms. */
function normChoice(config: TransformerConfig, role: StackRole): NormChoice {
  return (role === 'encoder' ? config.encoderNorm : config.decoderNorm) ?? config.norm;
}

/** What the norms of a stack are made for. */
function normSizes({ dModel, normEps }: TransformerConfig, role: StackRole): NormSizes {
  return { width: dModel, eps: normEps, causal: role === 'decoder' };
}

/** Factors of DeepNorm for a stack; 1 without it. */
function deepFactors(config: TransformerConfig, role: StackRole): DeepNormFactors {
  if (config.normPlacement !== 'deep') return { inputScale: 1, gain: 1 };
  return deepNormFactors(role, { encoder: config.numEncoderLayers, decoder: config.numDecoderLayers });
}

/** What a layer of a stack is made of. */
function layerPlan(config: TransformerConfig, role: StackRole, index: number): LayerPlan {
  const { dModel, normPlacement: placement, dropout, normEps } = config;
  const norm = normChoice(config, role);
  const { inputScale, gain } = deepFactors(config, role);
  const attention = (of: AttentionRole, name: string): AttentionPlan => ({
    choice: attentionChoice(config, of),
    sizes: attentionSizes(config, of, `${role}.layers.${index}.${name}`),
  });
  return {
    selfAttention: attention(role, 'selfAttention'),
    crossAttention: role === 'decoder' ? attention('cross', 'crossAttention') : null,
    feedForward: { choice: config.feedForward, sizes: feedForwardSizes(config) },
    residual: { dModel, placement, dropout, norm, normEps, inputScale },
    isParallel: config.parallelResidual,
    gain,
  };
}

/** What a stack is made of. */
export function stackPlan(config: TransformerConfig, role: StackRole): StackPlan {
  const { finalNorm, shareLayers, stochasticDepth } = config;
  return {
    numLayers: role === 'encoder' ? config.numEncoderLayers : config.numDecoderLayers,
    shareLayers,
    stochasticDepth,
    finalNorm: finalNorm ? { choice: normChoice(config, role), sizes: normSizes(config, role) } : null,
    layer: (index) => layerPlan(config, role, index),
  };
}

/** The kind of position information of a stack: what the configuration says of the stack, or of both. */
export function positionChoice(config: TransformerConfig, role: StackRole): PositionChoice {
  return (role === 'encoder' ? config.encoderPosition : config.decoderPosition) ?? config.position;
}

/** Whether a model cannot do without the dependency trees of its sources. */
export function readsTrees(config: TransformerConfig): boolean {
  const position = kindOf(positionChoice(config, 'encoder'));
  return treePositions.has(position) || treeAttentions.has(kindOf(attentionChoice(config, 'encoder')));
}

/** What the positions of a stack are made for. */
export function positionSizes(config: TransformerConfig, role: StackRole): PositionSizes {
  const { dModel, numHeads, headDim, valueDim, maxSeqLen } = attentionSizes(config, role);
  const numLayers = role === 'encoder' ? config.numEncoderLayers : config.numDecoderLayers;
  return { width: dModel, maxSeqLen, numLayers, numHeads, headDim, valueDim, causal: role === 'decoder' };
}

/** Options that the chosen mechanisms have no use for; heads for later tokens have one for the activation. */
function unusedIssues(config: TransformerConfig): ConfigIssue[] {
  const selfAttention = [attentionChoice(config, 'encoder'), attentionChoice(config, 'decoder')];
  const activation = config.blockwise === undefined ? config.activation : undefined;
  return unusedOptions({ ...config, selfAttention, activation }, transformerDefaults);
}

/** What is wrong with the mechanisms that a configuration chooses: unknown kinds and options, and clashes. */
export function mechanismIssues(config: TransformerConfig): ConfigIssue[] {
  const field = {
    encoder: 'encoderAttention',
    decoder: 'decoderAttention',
    cross: 'crossAttention',
  } as const;
  const attention = (['encoder', 'decoder', 'cross'] as const).flatMap((role) => {
    const path = config[field[role]] !== undefined || role === 'cross' ? field[role] : 'attention';
    return choiceIssues(path, attentions, attentionChoice(config, role), attentionSizes(config, role));
  });
  const norm = (['encoder', 'decoder'] as const).flatMap((role) => {
    const path = config[`${role}Norm`] !== undefined ? `${role}Norm` : 'norm';
    return choiceIssues(path, norms, normChoice(config, role), normSizes(config, role));
  });
  const position = (['encoder', 'decoder'] as const).flatMap((role) => {
    const path = config[`${role}Position`] !== undefined ? `${role}Position` : 'position';
    return choiceIssues(path, positions, positionChoice(config, role), positionSizes(config, role));
  });
  const issues = [
    ...position,
    ...attention,
    ...norm,
    ...(config.prunedHeads
      ? prunedHeadsIssues(config, (role) => ({
          attention: attentionChoice(config, role),
          position: role === 'cross' ? 'none' : positionChoice(config, role),
        }))
      : []),
    ...choiceIssues('feedForward', feedForwards, config.feedForward, feedForwardSizes(config)),
  ];
  if (issues.length === 0) issues.push(...unusedIssues(config));
  return issues.filter(
    ({ path, message }, i) =>
      issues.findIndex((other) => other.path === path && other.message === message) === i,
  );
}
