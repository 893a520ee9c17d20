/**
 * Whole runs on native of every kind of model and every objective: nothing falls back to the definition of an op, in
 * training, validation or decoding. The Transformer's choices and the recurrent model's are in mechanism-bench.test.ts.
 */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fallbackCounts } from '../src/core/counter.ts';
import { defineOp } from '../src/core/op.ts';
import {
  concat,
  countOps,
  definedOps,
  getDevice,
  noGrad,
  pad,
  scope,
  slice,
  type Tensor,
  zeros,
} from '../src/index.ts';
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

it('every op has a kernel, or is made of ops that have', () => {
  const ops = [...definedOps()].flatMap(([name, { definition }]) =>
    definition.compute && !definition.kernel ? [name] : [],
  );
  expect(ops).toEqual([]);
});

/** Launches and fallbacks of a call on native. */
function callsOf(call: () => unknown): { launches: string[]; fallbacks: Record<string, number> } {
  const device = getDevice('native');
  const { launch } = device;
  const launches: string[] = [];
  device.launch = (launched) => {
    launches.push(launched.name);
    launch(launched);
  };
  try {
    const { counts } = countOps(() => scope(() => noGrad(() => void call())));
    return { launches, fallbacks: Object.fromEntries(counts.fallbacks) };
  } finally {
    device.launch = launch;
  }
}

describe('what runs in JavaScript on native', () => {
  const onNative = (shape: readonly number[]): Tensor => zeros(shape, { device: 'native' });

  it.for<[string, () => Tensor]>([
    ['part of an axis', () => slice(onNative([4, 8]), 1, 2, 5)],
    ['zeros around it', () => pad(onNative([4, 8]), 1, 2, 12)],
    ['two tensors', () => concat([onNative([2, 8]), onNative([2, 8])], 1)],
    ['a row of thousands', () => slice(onNative([2, 32000]), 0, 1)],
  ])('a few short copies, which count no fallback: %s', ([, call], context) => {
    needDevice(context, 'native');
    expect(callsOf(call)).toEqual({ launches: [], fallbacks: {} });
  });

  it.for<[string, () => Tensor]>([
    ['more of them', () => slice(onNative([5, 8]), 1, 2, 5)],
    ['longer ones', () => slice(onNative([2, 32768]), 0, 1)],
    [
      'more tensors',
      () =>
        concat(
          Array.from({ length: 5 }, () => onNative([1, 8])),
          1,
        ),
    ],
  ])('none of %s', ([, call], context) => {
    needDevice(context, 'native');
    expect(callsOf(call)).toEqual({ launches: ['copy_blocks'], fallbacks: {} });
  });

  it('more tensors side by side than a launch takes, and tensors of two types, which are counted', (context) => {
    needDevice(context, 'native');
    const many = Array.from({ length: 1001 }, () => onNative([5, 2]));
    expect(callsOf(() => concat(many, 1))).toEqual({ launches: [], fallbacks: { concat: 1 } });
    const mixed = [onNative([5, 2]), zeros([5, 2], { device: 'native', dtype: 'int32' })];
    expect(callsOf(() => concat(mixed, 1))).toEqual({ launches: [], fallbacks: { concat: 1 } });
  });

  it('an op that was given no kernel, which is counted', (context) => {
    needDevice(context, 'native');
    const double = defineOp<readonly [x: Tensor], Record<never, never>>({
      name: 'doubleForThisTest',
      samples: [],
      shape: ([x]) => x,
      compute: ({ inputs: [x], output }) => output.data.set(x.data.map((value) => 2 * value)),
    });
    expect(callsOf(() => double(onNative([3]), {}))).toEqual({
      launches: [],
      fallbacks: { doubleForThisTest: 1 },
    });
  });
});
