/** Tiny language models, and texts whose structure is known. */
import '../../src/backends/register.ts';
import { defaultDevice } from '../../src/core/device.ts';
import { orderedSegments, shuffledSegments } from '../../src/data/running-text.ts';
import {
  type CausalLanguageModel,
  ConvLanguageModel,
  type ConvLanguageModelConfig,
  Random,
  SegmentLanguageModel,
  type SegmentLanguageModelConfig,
  TransformerXl,
  type TransformerXlConfig,
} from '../../src/index.ts';
import { Adam } from '../../src/train/adam.ts';
import { TextTrainer } from '../../src/train/language-modeling.ts';
import { disturb } from './models.ts';

export const VOCAB = 9;
const tiny = { vocabSize: VOCAB, dModel: 8, dFf: 10, numLayers: 2, numHeads: 2, dropout: 0 } as const;

/** Every parameter is drawn, biases and gains too. */
export function tinyXl(
  config: Partial<TransformerXlConfig> = {},
  device = 'reference',
  seed = 3,
): TransformerXl {
  const context = { random: new Random(seed, 'init'), device };
  return disturb(new TransformerXl({ ...tiny, memoryLength: 64, ...config }, context), seed);
}

export function tinySegmentModel(
  config: Partial<SegmentLanguageModelConfig> = {},
  device = 'reference',
  seed = 3,
): SegmentLanguageModel {
  const context = { random: new Random(seed, 'init'), device };
  return disturb(new SegmentLanguageModel({ ...tiny, maxSeqLen: 12, ...config }, context), seed);
}

export function tinyConv(
  config: Partial<ConvLanguageModelConfig> = {},
  device = 'reference',
  seed = 3,
): ConvLanguageModel {
  const context = { random: new Random(seed, 'init'), device };
  const sizes = { vocabSize: VOCAB, dModel: 8, numLayers: 2, taps: 3, dropout: 0 };
  return disturb(new ConvLanguageModel({ ...sizes, ...config }, context), seed);
}

/** Tokens that repeat the one `lag` places before them, but for one in ten, which is drawn. */
export function laggedText(length: number, lag: number, seed: number, letters = 8): Int32Array {
  const random = new Random(seed, 'lagged-text');
  const ids = new Int32Array(length);
  for (let i = 0; i < length; i++)
    ids[i] = i < lag || random.integer(10) === 0 ? random.integer(letters) : ids[i - lag]!;
  return ids;
}

/** Trains a model on a text, in the order that its memory needs. */
export function trainOnText(
  model: CausalLanguageModel,
  ids: Int32Array,
  options: { length: number; batchSize: number; steps: number; learningRate: number; seed: number },
): void {
  const trainer = new TextTrainer(model, ids, 0);
  const adam = new Adam(model.namedParameters());
  const batchesOf = model.hasMemory ? orderedSegments : shuffledSegments;
  model.train();
  for (let step = 0, epoch = 0; step < options.steps; epoch++) {
    for (const windows of batchesOf(ids.length, options, { seed: options.seed, epoch })) {
      if (step++ === options.steps) break;
      trainer.trainOn(windows, windows.starts.length * windows.length, step / options.steps);
      adam.step(options.learningRate * Math.min(1, step / 30));
      model.zeroGrad();
    }
  }
  trainer.memory?.dispose();
  adam.dispose();
  model.eval();
}

/** The device that trains fastest here. */
export const fastest = (): string => defaultDevice().name;
