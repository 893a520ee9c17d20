/** Data: from files to examples, and from examples to padded batches. */
export {
  type BatchOptions,
  bucketBatches,
  type PairLengths,
  packedBatches,
  padShare,
  type TokenPair,
} from './batching.ts';
export { type CmudictConfig, readCmudict } from './cmudict.ts';
export { type CollateOptions, collate, type PaddedBatch, shiftRight } from './collate.ts';
export { type ConllOptions, readConll, type TaggedSentence } from './conll.ts';
export { type DependencySentence, readConllu } from './conllu.ts';
export { type EntitiesConfig, readEntities } from './entities.ts';
export {
  type Example,
  makeExample,
  type Split,
  type SplitOptions,
  splitByKey,
  type TextPair,
  trainingPairs,
} from './examples.ts';
export {
  applyLengthPolicy,
  cutSource,
  cuts,
  type LengthPolicy,
  type LengthPolicyChoice,
  type LengthReport,
  type LongPair,
  lengthPolicies,
  type SourceCut,
  type SourceTokens,
  type Truncation,
  truncate,
} from './length-policy.ts';
export { readLines, streamFileLines, streamLines } from './lines.ts';
export {
  attentionScores,
  keyPlaces,
  type Passage,
  type PassageSelector,
  passageSelectors,
  selectPassages,
  splitPassages,
  type TokenSpans,
  textRankScores,
  tfIdfScores,
  wordsOf,
} from './passages.ts';
export {
  type DataConfig,
  type JsonlConfig,
  type ParallelConfig,
  readExamples,
  readers,
  readJsonl,
  readParallel,
  readTsv,
  type TsvConfig,
} from './readers.ts';
export {
  orderedSegments,
  orderedWindows,
  readText,
  shuffledSegments,
  slidingWindows,
  splitText,
  type TextParts,
  type WindowBatch,
  type WindowSizes,
} from './running-text.ts';
export { type SourceText, structureOf, textOf } from './source-text.ts';
export {
  corruptSpans,
  heldOutSpans,
  restoreSpans,
  type SegmentCorruption,
  type SpanCorruptionOptions,
  sentinelsOf,
  shuffledSpans,
} from './span-corruption.ts';
export {
  type MaskedTokens,
  type MaskingIds,
  type MaskingRates,
  maskingRandom,
  maskTokens,
} from './token-masking.ts';
