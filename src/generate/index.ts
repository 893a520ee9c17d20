/** Decoding: from a model and a source to texts. */
export { beamSearch } from './beam.ts';
export { greedySearch } from './greedy.ts';
export { type BeamOptions, type DecodingOptions, type Hypothesis, lengthPenalty } from './options.ts';
export { type DecodingSession, ModelSession } from './session.ts';
export {
  type Alignment,
  type Candidate,
  type Tokenizers,
  type TranslateOptions,
  type Translation,
  Translator,
} from './translator.ts';
