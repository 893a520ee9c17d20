/**
 * Whole runs on native of every kind of model and every objective: nothing falls back to the definition of an op, in
 * training, validation or decoding. The Transformer's choices and the recurrent model's are in mechanism-bench.test.ts.
 */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fallbackCounts } from '../src/core/counter.ts';
import { definedOps } from '../src/index.ts';
import { modelOptions } from '../src/models/registry.ts';
import type { Experiment } from '../src/train/config/schema.ts';
import { validateExperiment } from '../src/train/config/validate.ts';
import { trainExperiment } from '../src/train/run.ts';
import { needDevice } from './support/devices.ts';
import { taggingDescription, writeTagged } from './support/tagged-sentences.ts';
import { temporaryFolder, tinyExperiment } from './support/tiny-run.ts';
import { textExperiment, textModels, writeText } from './support/tiny-text-run.ts';

const training = { maxSteps: 4, checkpointEvery: 10, average: undefined };
const evaluation = { every: 2 };
type Section = Readonly<Record<string, unknown>>;

/** Pairs of texts. */
const pairs =
  (model: Section = {}, more: Section = {}) =>
  (folder: string): Experiment =>
    tinyExperiment(folder, { model, training: { ...training, ...more }, evaluation });

/** One running text. */
const text =
  (model: object, data: object = {}) =>
  (folder: string): Experiment =>
    textExperiment(writeText(folder), model, { data, training, evaluation });

/** Tagged sentences. */
const tags =
  (model: object = {}) =>
  (folder: string): Experiment => {
    writeTagged(folder);
    return validateExperiment(taggingDescription(folder, { model, training, evaluation }));
  };

const withoutRates = { attentionDropout: undefined, activationDropout: undefined };
const withoutStacks = { dFf: undefined, numHeads: undefined, numEncoderLayers: undefined };
const recurrent = {
  ...{ kind: 'lstm-seq2seq', ...withoutRates, ...withoutStacks },
  ...{ numDecoderLayers: undefined, numLayers: 1 },
};
const sizes = { dModel: 16, numLayers: 1, dropout: 0.1 };

/** By the name that a configuration gives a kind. */
const kinds: Readonly<Record<string, (folder: string) => Experiment>> = {
  transformer: pairs(),
  'lstm-seq2seq': pairs(recurrent),
  nat: pairs({ kind: 'nat', ...withoutRates }),
  ...Object.fromEntries(Object.entries(textModels).map(([kind, model]) => [kind, text(model)])),
  'masked-lm': text({ kind: 'masked-lm', ...sizes, numHeads: 2, maxSeqLen: 16 }),
  'window-tagger': tags(),
  'conv-tagger': tags({ kind: 'conv-tagger', ...sizes }),
};

const objectives: Readonly<Record<string, (folder: string) => Experiment>> = {
  'scheduled sampling (J7)': pairs({}, { scheduledSampling: { from: 0.5, to: 0.5 } }),
  'REINFORCE (J8)': pairs({}, { reinforce: { weight: 0.5 } }),
  'both, of a recurrent model': pairs(recurrent, {
    ...{ scheduledSampling: { from: 0.5, to: 0.5 }, reinforce: { weight: 0.5 } },
  }),
  'span corruption (J15)': text(
    { dModel: 16, dFf: 32, numHeads: 2, numEncoderLayers: 1, numDecoderLayers: 1, maxSeqLen: 32 },
    { corruption: { kind: 'spans', rate: 0.3, meanLength: 2 } },
  ),
  'mask-predict (I18)': pairs({ kind: 'nat', ...withoutRates, masking: 'random', iterations: 3 }),
  'heads for later tokens (I19)': pairs({ blockwise: 3 }),
  'copying (E19)': pairs({ copy: true, tieEmbeddings: 'all' }, { labelSmoothing: 0 }),
};

/** Calls that fell back while an experiment ran, by op. */
async function fallbacksOf(experiment: Experiment, folder: string): Promise<Record<string, number>> {
  const before = fallbackCounts();
  let steps = 0;
  const { metrics } = await trainExperiment(experiment, {
    folder,
    device: 'native',
    onEvent: ({ type }) => {
      if (type === 'validation') steps++;
    },
  });
  expect(steps).toBe(2);
  expect(Object.values(metrics).every(Number.isFinite)).toBe(true);
  const found = [...fallbackCounts()].map(([op, calls]) => [op, calls - (before.get(op) ?? 0)] as const);
  return Object.fromEntries(found.filter(([, calls]) => calls > 0));
}

it('every kind of model is here', () => {
  expect(Object.keys(kinds).toSorted()).toEqual(['transformer', ...Object.keys(modelOptions)].toSorted());
});

describe('a run falls back nowhere', () => {
  it.for([...Object.entries(kinds), ...Object.entries(objectives)])('%s', async ([, make], context) => {
    needDevice(context, 'native');
    const folder = temporaryFolder();
    expect(await fallbacksOf(make(folder), join(folder, 'run'))).toEqual({});
  });
});

// They count no fallback, which is what an op has that gives way to its definition.
it('the ops without any kernel are those that copy blocks and a few small ones', () => {
  const ops = [...definedOps()].flatMap(([name, { definition }]) =>
    definition.compute && !definition.kernel ? [name] : [],
  );
  expect(ops.toSorted()).toEqual([
    ...['concat', 'keepWhere', 'monotonicAlignment', 'monotonicAlignmentGradient', 'pad'],
    ...['quantizedEmbedding', 'sign', 'slice'],
  ]);
});
