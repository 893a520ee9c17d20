/** Mechanisms with a state or a loss of their own in whole runs: logs, checkpoints, resuming. */
import './support/devices.ts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { TrainingEvent } from '../src/train/events.ts';
import { loadModel } from '../src/train/load-model.ts';
import { trainExperiment } from '../src/train/run.ts';
import { fingerprint, temporaryFolder, tinyExperiment } from './support/tiny-run.ts';

/** Running statistics, experts, layers that are left out: whatever a checkpoint could forget. */
const model = {
  norm: { kind: 'batch', statistics: 'cumulative' },
  feedForward: { kind: 'moe', experts: 3, topK: 2, capacityFactor: 0.8 },
  stochasticDepth: 0.4,
  parallelResidual: true,
  numEncoderLayers: 2,
};
const training = { maxSteps: 14, checkpointEvery: 4, logEvery: 3 };

describe('batch norm, experts and stochastic depth in one run', () => {
  test('log what experts dropped, and resume to the same bits', { timeout: 120_000 }, async () => {
    const folder = temporaryFolder();
    const experiment = tinyExperiment(folder, { model, training });
    const steps: Extract<TrainingEvent, { type: 'step' }>[] = [];
    const whole = join(folder, 'whole');
    await trainExperiment(experiment, {
      folder: whole,
      onEvent: (event) => {
        if (event.type === 'step') steps.push(event);
      },
    });
    const lines = readFileSync(join(whole, 'metrics.jsonl'), 'utf8').trim().split('\n');
    const logged = lines.map((line) => JSON.parse(line) as Record<string, number | string>);
    for (const entry of logged.filter(({ kind }) => kind === 'train')) {
      expect(entry.droppedTokens).toBeGreaterThan(0);
      expect(entry.droppedTokens).toBeLessThan(1);
      expect(entry.balanceLoss).toBeGreaterThan(0.9);
    }
    expect(steps[0]!.measures).toMatchObject({
      droppedTokens: expect.any(Number),
      balanceLoss: expect.any(Number),
    });

    const stop = new AbortController();
    const cut = join(folder, 'cut');
    const onEvent = (event: TrainingEvent): void => {
      if (event.type === 'step' && event.step >= 6) stop.abort();
    };
    await trainExperiment(experiment, { folder: cut, onEvent, signal: stop.signal });
    await trainExperiment(experiment, { folder: cut, resume: true });
    expect(fingerprint(cut)).toEqual(fingerprint(whole));

    const loaded = await loadModel(whole);
    expect((await loaded.translate(['abc']))[0]!.text.length).toBeGreaterThanOrEqual(0);
  });
});

const choices: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'RMS norm, SwiGLU, parallel': {
    norm: 'rms',
    feedForward: 'swiglu',
    parallelResidual: true,
    normPlacement: 'pre',
  },
  'ScaleNorm, GEGLU': { norm: 'scale', feedForward: 'geglu' },
  'DeepNorm with shared layers': { normPlacement: 'deep', shareLayers: true, numEncoderLayers: 2 },
  'a norm over the sentence, ReGLU': { encoderNorm: 'sentence', feedForward: 'reglu' },
  'batch norm, Switch': { norm: 'batch', feedForward: { kind: 'moe', experts: 4, topK: 1 } },
};

describe('a run learns and its model decodes with', () => {
  test.each(Object.entries(choices))('%s', async (_, chosen) => {
    const folder = temporaryFolder();
    const run = { maxSteps: 30, gradAccumSteps: 1, logEvery: 5, checkpointEvery: 100 };
    const experiment = tinyExperiment(folder, { model: chosen, training: run, evaluation: { every: 30 } });
    const losses: number[] = [];
    const { metrics } = await trainExperiment(experiment, {
      folder: join(folder, 'run'),
      onEvent: (event) => {
        if (event.type === 'step') losses.push(event.loss);
      },
    });
    expect(losses.at(-1)!).toBeLessThan(losses[0]! - 0.1);
    expect(Object.values(metrics).every(Number.isFinite)).toBe(true);
  });
});
