/** What a translation run needs before its first step: data, tokenizers and a model, fresh or from a checkpoint. */
import type { Device } from '../core/device.ts';
import type { TokenPair } from '../data/batching.ts';
import type { Example } from '../data/examples.ts';
import type { EncoderDecoder } from '../models/encoder-decoder.ts';
import { buildEncoderDecoder } from '../models/registry.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { PairExperiment } from './config/schema.ts';
import type { TrainingEvent } from './events.ts';
import {
  buildTokenizers,
  cuttingTokenizers,
  encodePart,
  lengthNote,
  readParts,
  requireExamples,
} from './prepare-data.ts';
import { type PreparedModel, prepareModel } from './prepare-model.ts';
import type { BatchLimits } from './seq2seq.ts';

/** Everything that is made before the first step. */
export interface Prepared extends PreparedModel<EncoderDecoder> {
  /** The training pairs of an epoch, a function of its number only. */
  trainPairs(epoch: number): readonly TokenPair[];
  readonly limits: BatchLimits;
  readonly validation: readonly TokenPair[];
  readonly validationExamples: readonly Example[];
  readonly testExamples: readonly Example[];
}

/** Reads the data and makes model and tokenizers. */
export function prepare(
  experiment: PairExperiment,
  checkpoint: Checkpoint | undefined,
  device: Device,
  onEvent: (event: TrainingEvent) => void,
): Prepared {
  const say = (text: string | undefined): void => {
    if (text !== undefined) onEvent({ type: 'note', text });
  };
  const parts = readParts(experiment.data);
  const examples = parts.train.slice(0, experiment.data.maxTrainExamples);
  const built = prepareModel<EncoderDecoder>(
    experiment,
    {
      learnTokenizers: () => buildTokenizers(experiment, examples),
      sizes: ({ source, target }) => ({
        sourceVocabSize: source.vocabSize,
        targetVocabSize: target.vocabSize,
        paddingId: source.specialTokens.pad,
        ...(experiment.model.kind === 'transformer' && { unknownId: source.specialTokens.unk }),
      }),
      build: buildEncoderDecoder,
    },
    checkpoint,
    device,
    say,
  );
  const { copies } = built.model;
  const train = encodePart(examples, built.tokenizers, experiment.data, copies);
  const validation = encodePart(parts.validation, built.tokenizers, experiment.data, copies);
  requireExamples(train, 'train');
  say(lengthNote('train', train.report));
  say(lengthNote('validation', validation.report));
  return {
    ...built,
    tokenizers: cuttingTokenizers(built.tokenizers, experiment.data),
    trainPairs: () => train.pairs,
    limits: experiment.data,
    validation: validation.pairs,
    validationExamples: parts.validation,
    testExamples: parts.test,
  };
}
