/** Architectures, one file each. */
export {
  ConvLanguageModel,
  type ConvLanguageModelConfig,
  convLanguageModelDefaults,
} from './conv-language-model.ts';
export {
  type BestQuery,
  type BestTokens,
  type DecodingState,
  EncoderDecoder,
  type LossOptions,
  type PackedSequences,
  type SourceBatch,
} from './encoder-decoder.ts';
export { Gpt, GptCache } from './gpt.ts';
export { checkGptConfig, type GptConfig, gptDefaults } from './gpt-config.ts';
export { pruneHeads } from './prune-heads.ts';
export type { PrunedHeads } from './pruned-heads.ts';
export { type EncodedSources, RecurrentSeq2Seq } from './recurrent-seq2seq.ts';
export {
  checkRecurrentSeq2SeqConfig,
  type RecurrentSeq2SeqConfig,
  recurrentSeq2SeqDefaults,
} from './recurrent-seq2seq-config.ts';
export { Decoder, Encoder } from './stacks.ts';
export { Transformer } from './transformer.ts';
export { TransformerCache } from './transformer-cache.ts';
export { checkTransformerConfig, type TransformerConfig, transformerDefaults } from './transformer-config.ts';
export { WindowTagger, type WindowTaggerConfig, windowTaggerDefaults } from './window-tagger.ts';
