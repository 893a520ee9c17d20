import '../backends/register.ts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectClose } from '../../tests/support/compare.ts';
import { type TinyOverrides, temporaryFolder, tinyExperiment } from '../../tests/support/tiny-run.ts';
import { readSafetensors, type StoredTensor } from '../formats/safetensors.ts';
import { newestCheckpoint, readCheckpoint } from './checkpoint.ts';
import { numberedFolders } from './checkpoint-store.ts';
import type { TrainingEvent } from './events.ts';
import { trainExperiment } from './run.ts';

type Weights = ReadonlyMap<string, StoredTensor>;

interface Validation {
  readonly step: number;
  readonly loss: number;
}

function weightsIn(...path: string[]): Weights {
  return readSafetensors(new Uint8Array(readFileSync(join(...path, 'model.safetensors')))).tensors;
}

const stepFolder = (step: number): string => `step-${String(step).padStart(6, '0')}`;

function logOf(run: string): { kind: string; step: number; loss: number }[] {
  return readFileSync(join(run, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

async function trained(overrides: TinyOverrides) {
  const folder = temporaryFolder();
  const run = join(folder, 'run');
  const events: TrainingEvent[] = [];
  const result = await trainExperiment(tinyExperiment(folder, overrides), {
    folder: run,
    onEvent: (event) => events.push(event),
  });
  const validations: Validation[] = logOf(run).filter(({ kind }) => kind === 'validation');
  return { run, result, events, validations };
}

function expectMean(run: string, steps: readonly number[]): void {
  const sets = steps.map((step) => weightsIn(run, 'snapshots', stepFolder(step)));
  for (const [name, { data }] of weightsIn(run, 'model')) {
    const mean = Array.from(
      data,
      (_, i) => sets.reduce((sum, set) => sum + set.get(name)!.data[i]!, 0) / sets.length,
    );
    expectClose(data, mean, { rtol: 1e-6, atol: 1e-9 }, name);
  }
}

function differ(a: Weights, b: Weights): boolean {
  return [...a].some(([name, { data }]) => data.some((value, i) => value !== b.get(name)!.data[i]));
}

describe('the final weights', () => {
  test('are the mean of the last snapshots', async () => {
    const { run, validations } = await trained({
      training: { maxSteps: 22, average: { of: 'last', count: 3 } },
    });
    expect(validations.map(({ step }) => step)).toEqual([4, 8, 12, 16, 20, 22]);
    expectMean(run, [16, 20, 22]);
    expect(differ(weightsIn(run, 'model'), weightsIn(run, 'checkpoints', stepFolder(22)))).toBe(true);
  });

  test('are the mean of the snapshots with the lowest validation loss', async () => {
    const training = {
      maxSteps: 40,
      learningRate: 0.05,
      schedule: 'constant',
      average: { of: 'best', count: 2 },
    };
    const { run, validations } = await trained({ training, evaluation: { metrics: [] } });
    const best = validations
      .toSorted((a, b) => a.loss - b.loss)
      .slice(0, 2)
      .map(({ step }) => step);
    expect(best.toSorted((a, b) => a - b)).not.toEqual(validations.slice(-2).map(({ step }) => step));
    expectMean(run, best);
  });

  test('without averaging are the last ones', async () => {
    const { run } = await trained({ training: { maxSteps: 9, average: undefined } });
    expect(differ(weightsIn(run, 'model'), weightsIn(run, 'checkpoints', stepFolder(9)))).toBe(false);
  });
});

test('early stopping ends the run after `patience` validations without improvement and restores the best (J14)', async () => {
  const training = {
    ...{ maxSteps: 400, learningRate: 0.05, schedule: 'constant', average: undefined, clipNorm: 0 },
    earlyStopping: { patience: 3 },
  };
  const { run, validations, result } = await trained({ training, evaluation: { metrics: [] } });
  const best = validations.reduce((a, b) => (b.loss < a.loss ? b : a));
  const after = validations.filter(({ step }) => step > best.step);
  expect(after).toHaveLength(3);
  expect(result.steps).toBe(validations.at(-1)!.step);
  expect(result.steps).toBeLessThan(400);
  expectMean(run, [best.step]);
  expect(differ(weightsIn(run, 'model'), weightsIn(run, 'checkpoints', stepFolder(result.steps)))).toBe(true);
});

test('whatever snapshots the kept checkpoints speak of are there, at every moment', async () => {
  const folder = temporaryFolder();
  const run = join(folder, 'run');
  let checked = 0;
  const onEvent = ({ type }: TrainingEvent): void => {
    if (type !== 'checkpoint') return;
    for (const { path } of numberedFolders(join(run, 'checkpoints'))) {
      for (const { step } of readCheckpoint(path).facts.training!.snapshots) {
        expect(weightsIn(run, 'snapshots', stepFolder(step)).size).toBeGreaterThan(0);
        checked++;
      }
    }
  };
  const training = { maxSteps: 30, checkpointEvery: 5, average: { of: 'last', count: 2 } };
  await trainExperiment(tinyExperiment(folder, { training, evaluation: { every: 2, metrics: [] } }), {
    folder: run,
    onEvent,
  });
  expect(checked).toBe(2 + 4 * 5);
});

test('a metric that is better when higher selects the highest', async () => {
  const training = { maxSteps: 24, average: { of: 'best', count: 1 } };
  const { run, events } = await trained({
    training,
    evaluation: { every: 3, metrics: ['chrf'], selectBy: 'chrf', maxExamples: 8 },
  });
  const scores = events.flatMap((event) =>
    event.type === 'validation' ? [{ step: event.step, ...event.metrics, isBest: event.isBest }] : [],
  );
  const highest = scores.reduce((a, b) =>
    (b as { chrf?: number }).chrf! > (a as { chrf?: number }).chrf! ? b : a,
  );
  expect(highest.isBest).toBe(true);
  expectMean(run, [highest.step]);
});

test('a loss that is not finite ends the run with its step; the weights of the last checkpoint are good', async () => {
  const folder = temporaryFolder();
  const run = join(folder, 'run');
  const training = {
    maxSteps: 40,
    learningRate: 1e30,
    schedule: 'linear',
    warmupSteps: 0,
    checkpointEvery: 1,
    clipNorm: 0,
  };
  const failed = trainExperiment(tinyExperiment(folder, { training }), { folder: run });
  await expect(failed).rejects.toMatchObject({ name: 'TrainingError', code: 'E_NONFINITE' });
  const error = (await failed.catch((caught: unknown) => caught)) as { step: number; message: string };
  expect(error.message).toMatch(
    /^step \d+: the loss is .* is not finite; hint: lower training\.learningRate/,
  );
  const newest = newestCheckpoint(run);
  expect(newest!.checkpoint.facts.training!.step).toBe(error.step - 1);
});

test('the log has a line every logEvery steps, whose sums are those of the steps between', async () => {
  const { run } = await trained({
    training: { maxSteps: 11, logEvery: 4, average: undefined },
    evaluation: { every: 100 },
  });
  const { run: fine } = await trained({
    training: { maxSteps: 11, logEvery: 1, average: undefined },
    evaluation: { every: 100 },
  });
  const lines = (of: string) =>
    logOf(of).filter(({ kind }) => kind === 'train') as unknown as {
      readonly step: number;
      readonly loss: number;
      readonly gradNorm: number;
      readonly targetTokens: number;
    }[];
  expect(lines(run).map(({ step }) => step)).toEqual([4, 8, 11]);
  let from = 0;
  for (const { step, loss, gradNorm, targetTokens } of lines(run)) {
    const between = lines(fine).slice(from, step);
    const tokens = between.reduce((sum, line) => sum + line.targetTokens, 0);
    expect(targetTokens).toBe(tokens);
    expectClose([loss], [between.reduce((sum, line) => sum + line.loss * line.targetTokens, 0) / tokens], {
      rtol: 1e-6,
      atol: 0,
    });
    expectClose([gradNorm], [between.reduce((sum, line) => sum + line.gradNorm, 0) / between.length], {
      rtol: 1e-6,
      atol: 0,
    });
    from = step;
  }
});
