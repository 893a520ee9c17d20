/** Architectures, one file each. */
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
export { Decoder, Encoder } from './stacks.ts';
export { Transformer } from './transformer.ts';
export { TransformerCache } from './transformer-cache.ts';
export { checkTransformerConfig, type TransformerConfig, transformerDefaults } from './transformer-config.ts';
