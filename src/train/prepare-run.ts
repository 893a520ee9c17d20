/** What a run needs before its first step: data, tokenizers and a model, fresh or from a checkpoint. */
import { isDeepStrictEqual } from 'node:util';
import type { Device } from '../core/device.ts';
import { Random } from '../core/random.ts';
import type { Example } from '../data/examples.ts';
import { ConfigError } from '../errors.ts';
import type { Tokenizers } from '../generate/translator.ts';
import type { EncoderDecoder } from '../models/encoder-decoder.ts';
import { buildEncoderDecoder, completed, type ModelDescription } from '../models/registry.ts';
import { type Checkpoint, restoreModel } from './checkpoint.ts';
import type { Experiment } from './config/schema.ts';
import type { TrainingEvent } from './events.ts';
import {
  buildTokenizers,
  type EncodedPart,
  encodePart,
  lengthNote,
  readParts,
  requireExamples,
} from './prepare-data.ts';

/** Everything that is made before the first step. */
export interface Prepared {
  readonly model: EncoderDecoder;
  readonly tokenizers: Tokenizers;
  readonly description: ModelDescription;
  readonly train: EncodedPart;
  readonly validation: EncodedPart;
  readonly validationExamples: readonly Example[];
  readonly testExamples: readonly Example[];
}

/** Reads the data and makes model and tokenizers. */
export function prepare(
  experiment: Experiment,
  checkpoint: Checkpoint | undefined,
  device: Device,
  onEvent: (event: TrainingEvent) => void,
): Prepared {
  const say = (text: string | undefined): void => {
    if (text !== undefined) onEvent({ type: 'note', text });
  };
  const parts = readParts(experiment.data);
  const examples = parts.train.slice(0, experiment.data.maxTrainExamples);
  const built = checkpoint ? restored(checkpoint, experiment, device) : fresh(experiment, examples, device);
  for (const text of built.notes) say(text);
  const train = encodePart(examples, built.tokenizers, experiment.data);
  const validation = encodePart(parts.validation, built.tokenizers, experiment.data);
  requireExamples(train, 'train');
  say(lengthNote('train', train.report));
  say(lengthNote('validation', validation.report));
  return { ...built, train, validation, validationExamples: parts.validation, testExamples: parts.test };
}

type Built = Pick<Prepared, 'model' | 'tokenizers' | 'description'> & { readonly notes: readonly string[] };

function fresh(experiment: Experiment, examples: readonly Example[], device: Device): Built {
  const { tokenizers, notes } = buildTokenizers(experiment, examples);
  const description = describeModel(experiment, tokenizers);
  const random = new Random(experiment.training.seed, 'init');
  return { model: buildEncoderDecoder(description, { random, device }), tokenizers, description, notes };
}

function describeModel({ model }: Experiment, { source, target }: Tokenizers): ModelDescription {
  const { kind, ...config } = model;
  const sizes = { sourceVocabSize: source.vocabSize, targetVocabSize: target.vocabSize };
  return completed({
    kind,
    config: { ...config, ...sizes, paddingId: source.specialTokens.pad },
  } as ModelDescription);
}

/** As it comes back from a file. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function restored(checkpoint: Checkpoint, experiment: Experiment, device: Device): Built {
  const { model, tokenizers } = restoreModel(checkpoint, device.name);
  const description = checkpoint.facts.model;
  if (!isDeepStrictEqual(plain(describeModel(experiment, tokenizers)), plain(completed(description)))) {
    throw new ConfigError({
      where: checkpoint.path,
      problem: 'the checkpoint was made with another model configuration',
      hint: 'resume with the configuration of the run, or start in another folder with --out',
      code: 'E_ARCHITECTURE',
    });
  }
  return { model, tokenizers, description, notes: [] };
}
