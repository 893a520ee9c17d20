/** Layers and mechanisms, one file each. */
export {
  type AttendOptions,
  additiveScore,
  attend,
  bilinearScore,
  type DistributionFunction,
  dotScore,
  hardDistribution,
  learnedScaleScore,
  type ScoreFunction,
  type ScoreScale,
  scaledDotScore,
  scoreScale,
  softDistribution,
} from './attention/attend.ts';
export { KeyValueCache } from './attention/cache.ts';
export { edgeMask, GraphAttention, type GraphAttentionOptions } from './attention/graph.ts';
export { type Guidance, type GuidedAttentionOptions, guidedAttentionLoss } from './attention/guided.ts';
export { type HardEstimator, hardEstimators } from './attention/hard-weights.ts';
export { headImportance } from './attention/head-importance.ts';
export { type AttentionChoice, attentions, makeAttention } from './attention/kinds.ts';
export {
  type AttendTo,
  type AttentionCache,
  AttentionLayer,
  type AttentionRole,
  type AttentionSizes,
  type KeysAndValues,
} from './attention/layer.ts';
export { LocationAwareAttention, type LocationAwareOptions } from './attention/location-aware.ts';

export {
  type AdditiveMask,
  additiveMask,
  asMask,
  type DropMask,
  dropMask,
  fromAdditiveMask,
  fromDropMask,
  type Mask,
  mask,
  paddingMask,
  toAdditiveMask,
  toDropMask,
} from './attention/masks.ts';
export { MonotonicAttention } from './attention/monotonic.ts';
export { MultiHeadAttention, type MultiHeadAttentionOptions } from './attention/multi-head.ts';
export { Packing, Segments, type Visible } from './attention/packing.ts';
export { continuedPattern, type PatternOptions, paddedPattern, sparsePattern } from './attention/patterns.ts';
export {
  type Aligned,
  SourceAttention,
  type SourceAttentionOptions,
  type SourceMemory,
} from './attention/source.ts';
export {
  BahdanauAttention,
  LuongAttention,
  type SourceAttentionKind,
  sourceAttentions,
} from './attention/source-kinds.ts';
export { type Auxiliary, collectAuxiliary, type Measure } from './auxiliary.ts';
export { type CaptureOptions, capture } from './capture.ts';
export {
  type AttentionConvolution,
  convolution2dAsAttention,
  convolutionAsAttention,
} from './convolution/as-attention.ts';
export { Conv1d, type Conv1dLayerOptions, type ConvPadding } from './convolution/conv1d.ts';
export {
  type ConvActivation,
  ConvStack,
  type ConvStackOptions,
  gatedLinearUnit,
} from './convolution/stack.ts';
export { type DeepNormFactors, type Depths, deepNormFactors } from './deep-norm.ts';
export { withDropoutKeys } from './dropout-keys.ts';
export { Embedding, type EmbeddingOptions, SegmentEmbedding } from './embedding.ts';
export * from './feed-forwards/index.ts';
export * from './initializers.ts';
export { LaterTokens, type LaterTokensOptions } from './later-tokens.ts';
export { Linear, type LinearOptions } from './linear.ts';
export { Module, type ModuleContext, type Parameter, parameter } from './module.ts';
export * from './norms/index.ts';
export { type CopySource, PointerGenerator } from './pointer-generator.ts';
export * from './position/index.ts';
export {
  linearProbe,
  type ProbeOptions,
  positionSimilarity,
  probePositions,
  similarityByLag,
} from './position/probes.ts';
export {
  type PositionRequirements,
  positionRequirements,
  type RequirementOptions,
} from './position/requirements.ts';
export { modelBytes, type QuantizeOptions, quantize } from './quantize.ts';
export { QuantizedMatrix } from './quantized-matrix.ts';
export {
  RecurrentDirection,
  RecurrentLayer,
  type RecurrentLayerOptions,
  type RecurrentState,
} from './recurrent/layer.ts';
export { Sequences } from './recurrent/sequences.ts';
export { Recurrent, type RecurrentOptions, type RecurrentStates } from './recurrent/stack.ts';
export {
  Dropout,
  type NormPlacement,
  normPlacements,
  Residual,
  type ResidualOptions,
  type ResidualPass,
  type Sublayer,
  throughResiduals,
} from './residual.ts';
export { BatchStructure, type SourceStructure, withEndToken } from './source-structure.ts';
export { StochasticDepth } from './stochastic-depth.ts';
export { treeDepths, treeDistances } from './trees.ts';
