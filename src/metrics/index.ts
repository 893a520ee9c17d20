/** Metrics: how good the output is, and how sure that figure is. Every score is in percent. */
export {
  type AveragePrecision,
  averagePrecision,
  type Detection,
  type ImageObject,
} from './average-precision.ts';
export { type BleuResult, bleu, bleuStatistics, sentenceBleu } from './bleu.ts';
export { type BleuOptions, type BleuSmoothing, bleuSmoothings } from './bleu-options.ts';
export { type BleuTokenizer, bleuTokenizers, tokenizeForBleu } from './bleu-tokenizers.ts';
export {
  type BootstrapInterval,
  type BootstrapOptions,
  bootstrapInterval,
  meanStatistics,
  type PairedBootstrap,
  pairedBootstrap,
} from './bootstrap.ts';
export { type Box, generalizedIou, intersectionOverUnion } from './boxes.ts';
export { type ChrfOptions, type ChrfResult, chrf, chrfStatistics, sentenceChrf } from './chrf.ts';
export { type ItemStatistics, type References, referencesByItem } from './corpus.ts';
export { type Degeneration, degeneration, distinct, repeatRate, selfBleu } from './degeneration.ts';
export {
  type ErrorRateResult,
  type ErrorUnit,
  type ExactMatchResult,
  errorRate,
  errorRateStatistics,
  exactMatch,
  exactMatchStatistics,
  type ItemEdits,
  type MatchOptions,
} from './error-rates.ts';
export {
  type Interval,
  type MeanInterval,
  meanInterval,
  proportionInterval,
  type TTest,
  tTest,
} from './intervals.ts';
export {
  bitsPerUnit,
  type LanguageModelResult,
  languageModelScores,
  perplexity,
  type TextSize,
} from './language-model.ts';
export { getMetric, type Metric, type MetricOptions, type MetricReport, metrics } from './registry.ts';
export {
  areSpanTags,
  type Span,
  spansOf,
  type TaggingScores,
  taggingScores,
} from './tagging.ts';
export { type Threshold, type ThresholdGoal, tuneThreshold } from './threshold.ts';
