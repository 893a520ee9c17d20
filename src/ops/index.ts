/** Every op. A new one is a folder and a line here. */
export { type Activation, activate, activations } from './activate/index.ts';
export {
  type AdditiveOptions,
  additiveAttention,
  additiveAttentionParts,
} from './additive-attention/index.ts';
export { additiveScores } from './additive-attention/scores.ts';
export { type AttentionOptions, attention, attentionParams } from './attention/index.ts';
export {
  type AttentionParams,
  type AttentionParts,
  attentionParts,
  causalMask,
  mergeHeads,
  splitHeads,
} from './attention/reference.ts';
export { type RelativeScores, relativeAttention } from './attention/relative.ts';
export { type SelfAttentionOptions, selfAttention } from './attention/self.ts';
export type { Window } from './attention/window.ts';
export { type Conv1dOptions, conv1d } from './convolution/index.ts';
export { unfold, type WindowParams, windowCount } from './convolution/unfold.ts';
export { type CrossEntropyParams, crossEntropy } from './cross-entropy/index.ts';
export { type DropoutKey, type DropoutParams, dropout } from './dropout/index.ts';
export { dropoutResidual } from './dropout-residual/index.ts';
export { type DropoutNormParams, dropoutResidualNorm } from './dropout-residual-norm/index.ts';
export { add, div, maximum, minimum, mul, sub } from './elementwise/binary.ts';
export { scale } from './elementwise/scale.ts';
export { sign } from './elementwise/sign.ts';
export {
  abs,
  cos,
  erf,
  exp,
  gelu,
  geluTanh,
  log,
  neg,
  reciprocal,
  relu,
  sigmoid,
  silu,
  sin,
  sqrt,
  square,
  tanh,
} from './elementwise/unary.ts';
export { embedding } from './embedding/index.ts';
export { gate } from './gate/index.ts';
export { gatherLast, scatterLast } from './gather/index.ts';
export { addInPlace, gatherRows, writeRows } from './in-place.ts';
export { layerNorm } from './layer-norm/index.ts';
export { lengthProjection } from './length-projection/index.ts';
export { linear } from './linear/index.ts';
export { type LinearAttentionOptions, linearAttention } from './linear-attention/index.ts';
export { type LinearState, linearAttentionStep } from './linear-attention/step.ts';
export { matmul } from './matmul/index.ts';
export { monotonicAlignment } from './monotonic-alignment/index.ts';
export { quantizedEmbedding, quantizedLinear } from './quantized-linear/index.ts';
export type { QuantizedParams, QuantizedType } from './quantized-linear/panels.ts';
export { type RecurrentCell, recurrentCells, type StepState } from './recurrent/cells.ts';
export { type RecurrentCallOptions, type RecurrentResult, recurrent } from './recurrent/index.ts';
export { type RowRange, sequencePlan } from './recurrent/plan.ts';
export { argmax, max, topK } from './reduce/max.ts';
export { broadcastTo, mean, sum, sumTo } from './reduce/sum.ts';
export { rmsNorm } from './rms-norm/index.ts';
export { type RotaryLayout, type RotaryOptions, rotary } from './rotary/index.ts';
export { permute, transpose } from './shape/permute.ts';
export { reshape } from './shape/reshape.ts';
export { concat, pad, slice } from './shape/slice.ts';
export { logSoftmax, softmax } from './softmax/index.ts';
export { type SparseAttentionOptions, sparseAttention } from './sparse-attention/index.ts';
export { type KeyRange, type PatternRun, SparsePattern } from './sparse-attention/pattern.ts';
export { keepWhere } from './where/index.ts';
