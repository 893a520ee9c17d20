/** Training: optimisers, schedules, experiments, checkpoints, and loading what was trained. */
export { Adam, type AdamOptions, adamDefaults } from './adam.ts';
export { averageWeights } from './average.ts';
export { clipFactor, gradientNorm } from './clip.ts';
export { type Experiment, experimentSchema } from './config/schema.ts';
export { experimentJsonSchema, loadExperiment, validateExperiment } from './config/validate.ts';
export { type Evaluation, evaluateExamples } from './evaluate.ts';
export type { TrainingEvent } from './events.ts';
export { evaluateText, type TextEvaluation, type TextLoss } from './language-modeling.ts';
export {
  LoadedModel,
  type LoadOptions,
  loadLanguageModel,
  loadMaskedLanguageModel,
  loadModel,
  loadTagger,
} from './load-model.ts';
export {
  evaluateMasked,
  type MaskedBatch,
  type MaskedScore,
  type Masking,
  maskedLosses,
  maskWindows,
} from './masked-language-modeling.ts';
export { minimumCostAssignment } from './objectives/assignment.ts';
export {
  type DetectionWeights,
  detectionLoss,
  detectionWeights,
  generalizedIous,
  matchQueries,
} from './objectives/detection.ts';
export {
  type ReinforceIds,
  type ReinforceOptions,
  type ReinforceResult,
  reinforce,
} from './objectives/reinforce.ts';
export {
  guessedShare,
  mixGuesses,
  type SamplingGrowth,
  type ScheduledSamplingOptions,
} from './objectives/scheduled-sampling.ts';
export { type TrainOptions, type TrainResult, trainExperiment } from './run.ts';
export {
  learningRateAt,
  type Progress,
  type ScheduleName,
  type ScheduleOptions,
  scheduleNames,
} from './schedules.ts';
