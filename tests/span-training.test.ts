/** Whole runs on hidden spans of a running text: inventory J15. */
import './support/devices.ts';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { validateExperiment } from '../src/train/config/validate.ts';
import { loadModel } from '../src/train/load-model.ts';
import { trainExperiment } from '../src/train/run.ts';
import { fingerprint, temporaryFolder } from './support/tiny-run.ts';

/** A text in which every word says the next one, and an experiment on it. */
function experimentIn(
  folder: string,
  { model = {}, training = {}, data = {}, evaluation = {} } = {},
): object {
  const words = ['ape', 'bee', 'cat', 'dog', 'eel', 'fox', 'gnu', 'hen', 'ibis'];
  const text = Array.from({ length: 1800 }, (_, i) => words[i % words.length]).join(' ');
  writeFileSync(join(folder, 'text.txt'), `${text}\n`);
  return {
    name: 'spans',
    data: {
      ...{ format: 'text', path: join(folder, 'text.txt'), segmentLength: 16, batchSize: 8 },
      ...{ corruption: { kind: 'spans', rate: 0.3, meanLength: 2 }, ...data },
    },
    tokenizer: { shared: { kind: 'word' } },
    model: {
      ...{ dModel: 32, dFf: 64, numHeads: 2, numEncoderLayers: 1, numDecoderLayers: 1, maxSeqLen: 24 },
      ...{ dropout: 0, ...model },
    },
    training: {
      ...{ maxSteps: 12, learningRate: 0.01, schedule: 'constant', warmupSteps: 10, labelSmoothing: 0 },
      ...{ logEvery: 3, checkpointEvery: 4, ...training },
    },
    evaluation: { every: 50, samples: 1, ...evaluation },
  };
}

describe('hidden spans (J15)', () => {
  test('are filled by what stands around them', { timeout: 120_000 }, async () => {
    const folder = temporaryFolder();
    const training = { maxSteps: 350, learningRate: 0.005, checkpointEvery: 500 };
    const [model, data] = [{ numEncoderLayers: 2 }, { batchSize: 32 }];
    const evaluation = { metrics: ['wer'], every: 500 };
    const experiment = validateExperiment(experimentIn(folder, { model, data, training, evaluation }));
    const { metrics } = await trainExperiment(experiment, { folder: join(folder, 'run') });
    expect(metrics.wer!).toBeLessThan(25);
    const trained = await loadModel(join(folder, 'run'));
    const text = 'cat dog <0> fox gnu hen ibis <1> cat dog eel fox <2> ibis';
    const [filled] = await trained.translate([text]);
    expect(filled!.text).toMatch(/^<0> \w+.* <1> \w+.* <2>/);
  });

  test('of a run that was cut are those of one that was not', { timeout: 120_000 }, async () => {
    const folder = temporaryFolder();
    const experiment = validateExperiment(experimentIn(folder, { model: { dropout: 0.1 } }));
    await trainExperiment(experiment, { folder: join(folder, 'whole') });
    const stop = new AbortController();
    await trainExperiment(experiment, {
      folder: join(folder, 'cut'),
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type === 'step' && event.step >= 6) stop.abort();
      },
    });
    await trainExperiment(experiment, { folder: join(folder, 'cut'), resume: true });
    expect(fingerprint(join(folder, 'cut'))).toEqual(fingerprint(join(folder, 'whole')));
  });

  it.each([
    [{ model: { kind: 'gpt', dModel: 32 } }, 'model.kind: expected a plain transformer for hidden spans'],
    [
      { model: { copy: true } },
      'model.kind: expected a plain transformer for hidden spans, got one that copies',
    ],
    [{ model: { maxSeqLen: 17 } }, 'model.maxSeqLen: expected at least 18'],
    [{ data: { corruption: { rate: 1 } } }, 'data.corruption.rate: expected less than 1, got 1'],
    [{ data: { corruption: { meanLength: 0 } } }, 'data.corruption.meanLength: expected at least 1, got 0'],
    [
      { data: { corruption: { knid: 'spans' } } },
      'data.corruption.knid: unknown field; did you mean "kind"?',
    ],
    [{ evaluation: { stride: 4 } }, 'evaluation.stride: expected without data.corruption only'],
  ])('refuse %j', (change, message) => {
    const folder = temporaryFolder();
    const experiment = experimentIn(folder, change) as { model: Record<string, unknown> };
    if (experiment.model.kind === 'gpt') experiment.model = { kind: 'gpt', dModel: 32, numHeads: 2 };
    expect(() => validateExperiment(experiment)).toThrow(message);
  });
});
