/**
 * The pronunciation recipe with products in fp32 and in bf16: the loss in the end is the same within 1 % (Micikevicius et
 * al. 2017, https://arxiv.org/abs/1710.03740; Kalamkar et al. 2019, https://arxiv.org/abs/1905.12322).
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, type TestContext, test } from 'vitest';
import type { Precision } from '../../src/core/precision.ts';
import { getDevice } from '../../src/index.ts';
import type { Experiment } from '../../src/train/config/schema.ts';
import { loadExperiment } from '../../src/train/config/validate.ts';
import { trainExperiment } from '../../src/train/run.ts';
import { needDevice } from '../support/devices.ts';
import { temporaryFolder } from '../support/tiny-run.ts';

const UPDATES = 600;
const recipe = fileURLToPath(new URL('../../recipes/pronounce.yaml', import.meta.url));

/** The recipe for a number of updates instead of minutes. */
function experimentOf(precision: Precision, seed: number): Experiment {
  const settings = [
    `maxSteps=${UPDATES}`,
    `logEvery=${UPDATES / 6}`,
    `precision=${precision}`,
    `seed=${seed}`,
  ];
  const assignments = settings.map((setting) => `training.${setting}`);
  const experiment = loadExperiment(recipe, [...assignments, `evaluation.every=${UPDATES}`]);
  const { maxMinutes: _, ...training } = experiment.training;
  return { ...experiment, training };
}

/** Losses at the end: mean of the last hundred updates, and of the validation words; and the share of wrong words. */
async function losses(precision: Precision, seed: number) {
  const found = { training: Number.NaN, validation: Number.NaN, wer: Number.NaN };
  const { metrics } = await trainExperiment(experimentOf(precision, seed), {
    folder: join(temporaryFolder(), 'run'),
    device: 'native',
    onEvent: (event) => {
      if (event.type === 'step') found.training = event.loss;
      if (event.type === 'validation') found.validation = event.metrics.loss!;
    },
  });
  found.wer = metrics.wer!;
  return found;
}

function needUnit(context: TestContext): void {
  needDevice(context, 'native');
  if (getDevice('native').bf16Unit === undefined) context.skip('no unit for bf16 on this machine');
}

describe(`${UPDATES} updates in fp32 and in bf16`, () => {
  test.for([1, 2, 3])('end with the same losses within 1 %, seed %d', async (seed, context) => {
    needUnit(context);
    const [full, short] = [await losses('fp32', seed), await losses('bf16', seed)];
    const both = (part: keyof typeof full, digits: number): string =>
      `${part} ${full[part].toFixed(digits)} and ${short[part].toFixed(digits)}`;
    console.log(`seed ${seed}: ${both('training', 4)}, ${both('validation', 4)}, ${both('wer', 1)}`);
    for (const part of ['training', 'validation'] as const) {
      expect(full[part]).toBeLessThan(2); // it has learned: a uniform guess among the phonemes is above 3.6 nats
      expect(short[part]).not.toBe(full[part]); // and in another precision
      expect(Math.abs(short[part] / full[part] - 1), part).toBeLessThan(0.01);
    }
  });
});
