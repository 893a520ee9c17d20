/** A run of a second that trains a language model on a text: for tests of crashes and repetition. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Experiment } from '../../src/train/config/schema.ts';
import { validateExperiment } from '../../src/train/config/validate.ts';
import { laggedText } from './language-models.ts';

/** Letters that repeat those `lag` places before, in lines of 40. */
export function writeText(folder: string, lag = 5, alphabet = 'abcdefgh'): string {
  mkdirSync(folder, { recursive: true });
  const letters = [...laggedText(2000, lag, 11)].map((id) => alphabet[id]).join('');
  const file = join(folder, 'text.txt');
  writeFileSync(file, letters.replace(/.{40}/g, '$&\n'));
  return file;
}

const sizes = { dModel: 16, dropout: 0.1 };

/** Kinds of model with the sizes of a test. */
export const textModels = {
  gpt: { kind: 'gpt', ...sizes, numLayers: 1, numHeads: 2, maxSeqLen: 16, tieEmbeddings: false },
  'conv-lm': { kind: 'conv-lm', ...sizes, numLayers: 2 },
  'segment-lm': { kind: 'segment-lm', ...sizes, dFf: 32, numLayers: 2, numHeads: 2, maxSeqLen: 16 },
  'transformer-xl': {
    kind: 'transformer-xl',
    ...sizes,
    dFf: 32,
    numLayers: 1,
    numHeads: 2,
    memoryLength: 12,
  },
} as const;

/** A description of such a run; everything that a checkpoint must carry is on. */
export function textDescription(
  path: string,
  model: object,
  over: { readonly data?: object; readonly training?: object; readonly evaluation?: object } = {},
): Record<string, unknown> {
  return {
    name: 'tiny-text',
    data: {
      ...{ format: 'text', path, split: { validation: 0.1, test: 0.1 }, segmentLength: 12, batchSize: 6 },
      ...over.data,
    },
    tokenizer: { shared: { kind: 'char' } },
    model,
    training: {
      ...{ maxSteps: 40, gradAccumSteps: 2, learningRate: 0.01, schedule: 'cosine', warmupSteps: 4 },
      ...{ clipNorm: 1, labelSmoothing: 0, optimizer: 'adamw', logEvery: 3, checkpointEvery: 7 },
      ...{ average: { of: 'last', count: 2 }, ...over.training },
    },
    evaluation: { every: 10, ...over.evaluation },
  };
}

/** The same as a valid experiment. */
export function textExperiment(...args: Parameters<typeof textDescription>): Experiment {
  return validateExperiment(textDescription(...args));
}
