/** What a run on one running text needs before its first step: the text as tokens, a tokenizer and a model. */
import { join } from 'node:path';
import type { Device } from '../core/device.ts';
import { makeExample } from '../data/examples.ts';
import { readText, splitText, type TextParts } from '../data/running-text.ts';
import { DataError } from '../errors.ts';
import type { Module } from '../nn/module.ts';
import { maskText } from '../tokenizers/special-tokens.ts';
import type { Tokenizer } from '../tokenizers/types.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { TextExperiment, TextSection } from './config/schema.ts';
import type { TrainingEvent } from './events.ts';
import { buildTokenizers } from './prepare-data.ts';
import { type ModelSort, type PreparedModel, prepareModel } from './prepare-model.ts';

/** A text as tokens. */
export interface EncodedText {
  readonly ids: Int32Array;
  /** Code points from the second token on: those that are predicted. */
  readonly characters: number;
}

/** The tokens of a text, and how many of its characters are predicted. */
export function encodeText(tokenizer: Tokenizer, text: string): EncodedText {
  const { ids, offsets } = tokenizer.encodeWithOffsets(text);
  const predicted = text.slice(offsets[0]?.[1] ?? 0);
  let characters = 0;
  for (const _ of predicted) characters++;
  return { ids: Int32Array.from(ids), characters };
}

/** The texts of a section, `''` for a part that there is not. */
export function readTextParts({ folder, path, split, train, validation, test }: TextSection): TextParts {
  const read = (file: string | undefined): string =>
    file === undefined ? '' : readText(folder === undefined ? file : join(folder, file));
  if (path !== undefined) return splitText(read(path), split ?? { validation: 0.05, test: 0.05 });
  return { train: read(train), validation: read(validation), test: read(test) };
}

/** A sort of model that learns from a text. */
interface TextModelSort<M extends Module>
  extends Pick<ModelSort<M>, 'build'>,
    Partial<Pick<ModelSort<M>, 'sizes'>> {
  /** Whether its tokenizer has a mask token. */
  readonly hasMask?: boolean;
}

/**
 * Reads the text and makes tokenizer and model, fresh or from a checkpoint.
 *
 * @throws {DataError} when a file cannot be read, or the text is shorter than a segment
 */
export function prepareText<M extends Module>(
  experiment: TextExperiment,
  { build, sizes = ({ target }) => ({ vocabSize: target.vocabSize }), hasMask = false }: TextModelSort<M>,
  checkpoint: Checkpoint | undefined,
  device: Device,
  onEvent: (event: TrainingEvent) => void,
): {
  readonly prepared: PreparedModel<M>;
  readonly texts: Readonly<Record<keyof TextParts, EncodedText>>;
} {
  const { data } = experiment;
  const parts = readTextParts(data);
  const special = hasMask ? { mask: maskText } : {};
  const prepared = prepareModel<M>(
    experiment,
    {
      learnTokenizers: () => buildTokenizers(experiment, [makeExample(parts.train, [''])], special),
      sizes,
      build,
    },
    checkpoint,
    device,
    (text) => onEvent({ type: 'note', text }),
  );
  const encode = (text: string): EncodedText => encodeText(prepared.tokenizers.target, text);
  const texts = {
    train: encode(parts.train),
    validation: encode(parts.validation),
    test: encode(parts.test),
  };
  if (texts.train.ids.length <= data.segmentLength) {
    const file = data.path ?? data.train!;
    throw new DataError({
      where: file,
      file,
      expected: `more than ${data.segmentLength} tokens to train on (data.segmentLength)`,
      got: String(texts.train.ids.length),
      hint: 'give more text, or lower data.segmentLength',
    });
  }
  return { prepared, texts };
}
