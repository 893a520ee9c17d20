/** Training an encoder–decoder on one running text, whose segments lose spans and have to say them. */
import type { Device } from '../core/device.ts';
import type { TokenPair } from '../data/batching.ts';
import { type Example, makeExample } from '../data/examples.ts';
import { heldOutSpans, type SegmentCorruption, sentinelsOf, shuffledSpans } from '../data/span-corruption.ts';
import type { Tokenizers } from '../generate/translator.ts';
import { buildEncoderDecoder } from '../models/registry.ts';
import { SentinelVocabulary } from '../tokenizers/sentinels.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { TextExperiment } from './config/schema.ts';
import type { TrainingEvent } from './events.ts';
import { type EncodedText, prepareText } from './prepare-text.ts';
import type { TrainingTask } from './task.ts';
import { TranslationTask } from './translation-task.ts';

/**
 * Reads the text and makes tokenizer and model, fresh or from a checkpoint.
 *
 * @throws {DataError} when a file cannot be read, or the text is shorter than a segment
 */
export function prepareSpanCorruptionTask(
  experiment: TextExperiment,
  checkpoint: Checkpoint | undefined,
  device: Device,
  onEvent: (event: TrainingEvent) => void,
): TrainingTask {
  const { data, training } = experiment;
  const { segmentLength: length, batchSize } = data;
  const { rate: density, meanLength: meanSpanLength } = data.corruption!;
  const sentinels = sentinelsOf({ length, density, meanSpanLength });
  const sort = {
    sizes: ({ target: { vocabSize, specialTokens } }: Tokenizers) => ({
      sourceVocabSize: vocabSize + sentinels,
      targetVocabSize: vocabSize + sentinels,
      sentinels,
      paddingId: specialTokens.pad,
      unknownId: specialTokens.unk,
    }),
    build: buildEncoderDecoder,
  };
  const { prepared, texts } = prepareText(experiment, sort, checkpoint, device, onEvent);
  const tokenizer = prepared.tokenizers.target;
  const corruption: SegmentCorruption = {
    ...{ length, density, meanSpanLength },
    sentinels: Array.from({ length: sentinels }, (_, i) => tokenizer.vocabSize + i),
  };
  const codec = new SentinelVocabulary(tokenizer, sentinels, '');
  const held = ({ ids }: EncodedText): TokenPair[] => heldOutSpans(ids, corruption);
  const asTexts = ({ source, target }: TokenPair): Example =>
    makeExample(codec.decode([...source]), [codec.decode([...target])]);
  const validation = held(texts.validation);
  return new TranslationTask(experiment, {
    ...prepared,
    trainPairs: (epoch) => shuffledSpans(texts.train.ids, corruption, { seed: training.seed, epoch }),
    limits: { maxTokens: batchSize * (length + 2), maxSentences: batchSize },
    validation,
    validationExamples: validation.map(asTexts),
    testExamples: held(texts.test).map(asTexts),
  });
}
