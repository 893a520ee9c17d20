/** Architectures, one file each. */
export {
  ConvLanguageModel,
  type ConvLanguageModelConfig,
  convLanguageModelDefaults,
} from './conv-language-model.ts';
export { ConvTagger, type ConvTaggerConfig, convTaggerDefaults } from './conv-tagger.ts';
export { Detector, type QueryAnswers } from './detector.ts';
export { checkDetectorConfig, type DetectorConfig, detectorDefaults } from './detector-config.ts';
export {
  type BestQuery,
  type BestTokens,
  type DecodingState,
  EncoderDecoder,
  type LossOptions,
  type PackedSequences,
  type SourceBatch,
  type WholeOptions,
  type WholeText,
} from './encoder-decoder.ts';
export { Gpt } from './gpt.ts';
export { checkGptConfig, type GptConfig, gptDefaults } from './gpt-config.ts';
export {
  CausalLanguageModel,
  type SegmentLosses,
  type SegmentLossOptions,
  type SegmentReading,
} from './language-model.ts';
export {
  MaskedLanguageModel,
  type MaskedLanguageModelConfig,
  maskedLanguageModelDefaults,
} from './masked-language-model.ts';
export { NonAutoregressive } from './non-autoregressive.ts';
export {
  checkNonAutoregressiveConfig,
  type NonAutoregressiveConfig,
  nonAutoregressiveDefaults,
} from './non-autoregressive-config.ts';
export { pruneHeads } from './prune-heads.ts';
export type { PrunedHeads } from './pruned-heads.ts';
export { type EncodedSources, RecurrentSeq2Seq } from './recurrent-seq2seq.ts';
export {
  checkRecurrentSeq2SeqConfig,
  type RecurrentSeq2SeqConfig,
  recurrentSeq2SeqDefaults,
} from './recurrent-seq2seq-config.ts';
export {
  encodeSegments,
  type Pooling,
  poolings,
  type SegmentEncoding,
  splitSegments,
} from './segment-encoding.ts';
export { SegmentLanguageModel } from './segment-language-model.ts';
export {
  checkSegmentLanguageModelConfig,
  type SegmentLanguageModelConfig,
  segmentLanguageModelDefaults,
} from './segment-language-model-config.ts';
export { SegmentMemory } from './segment-memory.ts';
export type { SingleStackConfig } from './single-stack-config.ts';
export { Decoder, Encoder } from './stacks.ts';
export { TaggingModel } from './tagging-model.ts';
export type { TextCache } from './text-cache.ts';
export { Transformer } from './transformer.ts';
export { TransformerCache } from './transformer-cache.ts';
export { checkTransformerConfig, type TransformerConfig, transformerDefaults } from './transformer-config.ts';
export { TransformerXl } from './transformer-xl.ts';
export {
  checkTransformerXlConfig,
  type TransformerXlConfig,
  transformerXlDefaults,
} from './transformer-xl-config.ts';
export { WindowTagger, type WindowTaggerConfig, windowTaggerDefaults } from './window-tagger.ts';
