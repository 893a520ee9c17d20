/** Decoding: from a model and a source to texts. */
export { beamSearch } from './beam.ts';
export type { DecodingWay, ParallelDecoding } from './decode-batch.ts';
export { type FilledMask, type FilledText, fillMask, fillText } from './fill-mask.ts';
export { greedySearch } from './greedy.ts';
export { type GenerateOptions, generate } from './language-model.ts';
export { LanguageModelSession } from './language-model-session.ts';
export { type BeamOptions, type DecodingOptions, type Hypothesis, lengthPenalty } from './options.ts';
export { type AheadSession, blockwiseSearch } from './parallel/blockwise.ts';
export type { Guessing } from './parallel/guessing.ts';
export { type JacobiOptions, jacobiSearch } from './parallel/jacobi.ts';
export { type SpeculativeOptions, speculativeSearch } from './parallel/speculative.ts';
export type { ParallelResult } from './parallel/verify.ts';
export { type SampleOptions, sampleSearch } from './sample.ts';
export { checkSamplingOptions, processorsOf, type SamplingOptions } from './sampling/options.ts';
export {
  cutBelowEpsilon,
  cutBelowEta,
  divideByTemperature,
  forbidEarlyEnd,
  forbidRepeatedNgrams,
  keepMinP,
  keepTopK,
  keepTopP,
  keepTypical,
  type LogitsProcessor,
  penalizeOccurrences,
  penalizeRepetition,
} from './sampling/processors.ts';
export { Sampler } from './sampling/sampler.ts';
export { type BlockSession, type DecodingSession, ModelSession, type SessionOptions } from './session.ts';
export { type TaggedTokens, Tagger } from './tagger.ts';
export { type GeneratedText, TextGenerator, type TextOptions } from './text-generator.ts';
export {
  type Alignment,
  type Candidate,
  type Tokenizers,
  type TranslateOptions,
  type Translation,
  Translator,
} from './translator.ts';
