/** Every way in which a recurrent decoder looks at its source, in whole runs from a description (E17, E18). */
import './support/devices.ts';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadExperiment } from '../src/train/config/validate.ts';
import type { TrainingEvent } from '../src/train/events.ts';
import { loadModel } from '../src/train/load-model.ts';
import { trainExperiment } from '../src/train/run.ts';
import { fingerprint, temporaryFolder, tinyExperimentFile } from './support/tiny-run.ts';

const without = {
  dFf: undefined,
  numHeads: undefined,
  numEncoderLayers: undefined,
  numDecoderLayers: undefined,
};
const recurrent = {
  ...without,
  attentionDropout: undefined,
  activationDropout: undefined,
  kind: 'lstm-seq2seq',
};
const training = { maxSteps: 14, checkpointEvery: 4, logEvery: 3 };

const experimentOf = (folder: string, attention: unknown) =>
  loadExperiment(tinyExperimentFile(folder, { model: { ...recurrent, numLayers: 1, attention }, training }));

describe('a recurrent decoder trains, resumes to the same bits and says where it looked with (E17, E18)', () => {
  test.each([
    ['bahdanau, guided', { kind: 'bahdanau', guidedWeight: 2 }],
    ['luong, guided', { kind: 'luong', score: 'dot', guidedWeight: 2, guidedWidth: 0.4 }],
    ['monotonic attention and its noise', { kind: 'monotonic', noise: 0.5 }],
    ['location-aware attention', { kind: 'location-aware', taps: 3, filters: 2, guidedWeight: 1 }],
    ['a name alone', 'monotonic'],
  ])('%s', async (_, attention) => {
    const folder = temporaryFolder();
    const experiment = experimentOf(folder, attention);
    const [whole, cut] = [join(folder, 'whole'), join(folder, 'cut')];
    await trainExperiment(experiment, { folder: whole });
    const stop = new AbortController();
    const onEvent = (event: TrainingEvent): void => {
      if (event.type === 'step' && event.step >= 6) stop.abort();
    };
    await trainExperiment(experiment, { folder: cut, onEvent, signal: stop.signal });
    await trainExperiment(experiment, { folder: cut, resume: true });
    expect(fingerprint(cut)).toEqual(fingerprint(whole));
    const model = await loadModel(whole);
    const [found] = await model.translate(['abcd'], { beamSize: 3, alignments: true });
    const { weights, sourceTokens } = found!.alignment!;
    for (const row of weights) {
      expect(row).toHaveLength(sourceTokens.length);
      expect(row.reduce((a, b) => a + b, 0)).toBeLessThan(1 + 1e-5);
    }
  });
});

describe('a description of source attention that cannot be used (E18)', () => {
  test.each<[string, unknown, RegExp]>([
    [
      'an option of no kind',
      { kind: 'location-aware', filterz: 2 },
      /model.attention.filterz: unknown field; did you mean "filters"\?/,
    ],
    [
      'an unknown kind',
      'monotonous',
      /model.attention: expected one of none, bahdanau, .* did you mean "monotonic"/,
    ],
    [
      'a kind of the Transformer',
      { kind: 'multi-head' },
      /model.attention.kind: expected one of none, bahdanau/,
    ],
    [
      'a diagonal without width',
      { kind: 'luong', guidedWidth: 0 },
      /model.attention.guidedWidth: expected more than 0, got 0/,
    ],
    [
      'a diagonal that nothing draws to',
      { kind: 'luong', guidedWidth: 0.3 },
      /model.attention: luong: guidedWidth \(0.3\) does nothing without guidedWeight/,
    ],
  ])('%s', (_, attention, message) => {
    expect(() => experimentOf(temporaryFolder(), attention)).toThrow(message);
  });
});
