/** Layers and mechanisms, one file each. */
export {
  type AttendOptions,
  attend,
  dotScore,
  type ScoreFunction,
  type ScoreScale,
  scaledDotScore,
  scoreScale,
} from './attention/attend.ts';
export { KeyValueCache } from './attention/cache.ts';
export {
  type AdditiveMask,
  type DropMask,
  fromAdditiveMask,
  fromDropMask,
  type Mask,
  mask,
  paddingMask,
  toAdditiveMask,
  toDropMask,
} from './attention/masks.ts';
export { MultiHeadAttention, type MultiHeadAttentionOptions } from './attention/multi-head.ts';
export { Packing, Segments, type Visible } from './attention/packing.ts';
export { SelfAttention, type SelfAttentionLayerOptions } from './attention/self.ts';
export { type Auxiliary, collectAuxiliary, type Measure } from './auxiliary.ts';
export { type CaptureOptions, capture } from './capture.ts';
export { type DeepNormFactors, type Depths, deepNormFactors } from './deep-norm.ts';
export { withDropoutKeys } from './dropout-keys.ts';
export { Embedding, type EmbeddingOptions, SegmentEmbedding } from './embedding.ts';
export * from './feed-forwards/index.ts';
export * from './initializers.ts';
export { Linear, type LinearOptions } from './linear.ts';
export { Module, type ModuleContext, type Parameter, parameter } from './module.ts';
export * from './norms/index.ts';
export * from './position/index.ts';
export { modelBytes, type QuantizeOptions, quantize } from './quantize.ts';
export { QuantizedMatrix } from './quantized-matrix.ts';
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
export { StochasticDepth } from './stochastic-depth.ts';
