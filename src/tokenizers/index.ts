/** Tokenizers: text to ids and back, learned from text or loaded from a file. */
export { type CompressionReport, compressionReport } from './compression.ts';
export { ExtendedVocabulary } from './extended-vocabulary.ts';
export { tokenizerKinds } from './kinds.ts';
export { loadTokenizer } from './load.ts';
export { normalizerNames, normalizeText } from './normalize.ts';
export { pairCodec } from './pair-codec.ts';
export { preTokenizerNames } from './pre-tokenize.ts';
export { SentinelVocabulary } from './sentinels.ts';
export { trainTokenizer } from './train.ts';
export type * from './types.ts';
export { UnigramTokenizer } from './unigram.ts';
