/**
 * A run that dies, or meets a full disk, at any of the calls by which it writes: the run goes on to the same bits,
 * and an older checkpoint stays readable all the time.
 */
import './support/devices.ts';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { HeedError } from '../src/errors.ts';
import { newestCheckpoint } from '../src/train/checkpoint.ts';
import { trainExperiment } from '../src/train/run.ts';
import { callsSoFar, plantFault } from './support/faulty-fs.ts';
import { fingerprint, temporaryFolder, testScores, tinyExperiment } from './support/tiny-run.ts';

vi.mock('node:fs', async (original) =>
  (await import('./support/faulty-fs.ts')).faulty(await original<typeof import('node:fs')>()),
);

afterEach(() => plantFault());

const overrides = { training: { maxSteps: 8, checkpointEvery: 3, logEvery: 2 }, evaluation: { every: 2 } };

test('death at any call', { timeout: 300_000 }, async () => {
  const folder = temporaryFolder();
  const experiment = tinyExperiment(folder, overrides);
  const whole = join(folder, 'whole');
  plantFault();
  await trainExperiment(experiment, { folder: whole });
  const calls = [...callsSoFar()];
  const expected = { files: fingerprint(whole), scores: testScores(whole) };
  const different: string[] = [];
  for (const [at, name] of calls.entries()) {
    const run = join(folder, `run-${at}`);
    plantFault({ at, code: 'EKILLED', isForGood: true });
    await trainExperiment(experiment, { folder: run }).catch(() => {});
    plantFault();
    rmSync(join(run, '.lock'), { force: true }); // the lock of a dead process; this one is alive
    await trainExperiment(experiment, { folder: run, resume: true });
    const got = { files: fingerprint(run), scores: testScores(run) };
    if (JSON.stringify(got) !== JSON.stringify(expected)) different.push(`${at} ${name}`);
    rmSync(run, { recursive: true });
  }
  console.log(calls.length);
  expect(different).toEqual([]);
});
