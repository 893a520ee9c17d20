/**
 * A run that dies, or meets a fault of the disk, at any of the calls by which it writes: it goes on to the same
 * bits, and an older checkpoint stays readable all the time.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { TrainingError } from '../src/errors.ts';
import { newestCheckpoint, runFolders } from '../src/train/checkpoint.ts';
import { numberedFolders, readFolder, removeLeftovers, writeFolder } from '../src/train/checkpoint-store.ts';
import type { Experiment } from '../src/train/config/schema.ts';
import { trainExperiment } from '../src/train/run.ts';
import { callsSoFar, plantFault } from './support/faulty-fs.ts';
import {
  fingerprint,
  type TinyOverrides,
  temporaryFolder,
  testScores,
  tinyExperiment,
} from './support/tiny-run.ts';

vi.mock('node:fs', async (original) =>
  (await import('./support/faulty-fs.ts')).faulty(await original<typeof import('node:fs')>()),
);

afterEach(() => plantFault());

const codes = { ENOSPC: 'E_DISK_FULL', EACCES: 'E_NOT_WRITABLE', EIO: 'E_NOT_WRITABLE' } as const;

const content = (text: string): Map<string, Uint8Array> =>
  new Map(['a.bin', 'b.bin'].map((name) => [name, new TextEncoder().encode(`${name} ${text}`.repeat(9))]));

/** Writes a folder with a fault at every call in turn, and hands every outcome to `check`. */
function withEveryFault(
  prepare: (place: string) => void,
  check: (outcome: {
    place: string;
    error: unknown;
    code: keyof typeof codes;
    at: string;
    isForGood: boolean;
  }) => void,
): number {
  const root = temporaryFolder();
  const attempt = (place: string): unknown => {
    try {
      writeFolder(join(place, 'step-000002'), content('new'));
      return undefined;
    } catch (error) {
      return error;
    }
  };
  const start = (name: string): string => {
    const place = join(root, name);
    mkdirSync(place);
    prepare(place);
    return place;
  };
  let faults = 0;
  const rehearsal = start('rehearsal');
  plantFault();
  attempt(rehearsal);
  const calls = [...callsSoFar()];
  for (const [at, name] of calls.entries()) {
    for (const code of Object.keys(codes) as (keyof typeof codes)[]) {
      for (const isForGood of [false, true]) {
        const place = start(`${at}-${code}-${isForGood}`);
        plantFault({ at, code, isForGood });
        const error = attempt(place);
        plantFault();
        check({ place, error, code, at: `${at} ${name}`, isForGood });
        faults++;
      }
    }
  }
  return faults;
}

describe('a fault at any call of a checkpoint write', () => {
  const older = (place: string): void => writeFolder(join(place, 'step-000001'), content('old'));

  test('leaves the older checkpoint, nothing half written under the new name, and says what is wrong', () => {
    const faults = withEveryFault(older, ({ place, error, code, at }) => {
      expect(error, at).toBeInstanceOf(TrainingError);
      expect((error as TrainingError).code, at).toBe(codes[code]);
      removeLeftovers(place);
      expect(readFolder(join(place, 'step-000001'))).toEqual(content('old'));
      const names = readdirSync(place).filter((name) => name !== 'step-000001');
      for (const name of names) expect(readFolder(join(place, name)), at).toEqual(content('new'));
    });
    expect(faults).toBeGreaterThan(100);
  });

  test('when it replaces one of the same name: the old or the new one is there, whole', () => {
    const same = (place: string): void => {
      older(place);
      writeFolder(join(place, 'step-000002'), content('before'));
    };
    withEveryFault(same, ({ place, at, isForGood }) => {
      removeLeftovers(place);
      expect(readFolder(join(place, 'step-000001'))).toEqual(content('old'));
      const names = readdirSync(place);
      // A disk that takes nothing any more between the two renames can only leave the older checkpoint.
      if (isForGood && !names.includes('step-000002')) return;
      const found = readFolder(join(place, 'step-000002')).get('a.bin')!;
      expect(
        ['before', 'new'].map((text) => content(text).get('a.bin')),
        at,
      ).toContainEqual(found);
    });
  });
});

const overrides = { training: { maxSteps: 8, checkpointEvery: 3, logEvery: 2 }, evaluation: { every: 2 } };
const stopsEarly = {
  training: {
    ...{ maxSteps: 60, checkpointEvery: 3, learningRate: 0.05, schedule: 'constant', clipNorm: 0 },
    ...{ average: { of: 'best', count: 2 }, earlyStopping: { patience: 2 } },
  },
  evaluation: { every: 3, metrics: [] },
};

const results = (run: string): string => JSON.stringify([fingerprint(run), testScores(run)]);

/** An uninterrupted run, and the calls by which it wrote. */
async function wholeRun(folder: string, options: TinyOverrides = overrides) {
  const experiment = tinyExperiment(folder, options);
  plantFault();
  await trainExperiment(experiment, { folder: join(folder, 'whole') });
  const calls = [...callsSoFar()];
  return { experiment, calls, expected: results(join(folder, 'whole')) };
}

/** Lets a run die at one of its calls and resumes it. */
async function dieAndResume(run: string, experiment: Experiment, at: number): Promise<string> {
  plantFault({ at, code: 'EKILLED', isForGood: true });
  await trainExperiment(experiment, { folder: run }).catch(() => {});
  plantFault();
  rmSync(join(run, '.lock'), { force: true }); // the lock of a dead process; this one is alive
  await trainExperiment(experiment, { folder: run, resume: true });
  const found = results(run);
  rmSync(run, { recursive: true });
  return found;
}

test('death at any call of a run: resumed, it ends with the same bits', { timeout: 300_000 }, async () => {
  const folder = temporaryFolder();
  const { experiment, calls, expected } = await wholeRun(folder);
  const different: string[] = [];
  for (const [at, name] of calls.entries()) {
    if ((await dieAndResume(join(folder, 'run'), experiment, at)) !== expected)
      different.push(`${at} ${name}`);
  }
  expect(calls.length).toBeGreaterThan(200);
  expect(different).toEqual([]);
});

test('the same where the run stops early and its best snapshots are averaged', {
  timeout: 300_000,
}, async () => {
  const folder = temporaryFolder();
  const { experiment, calls, expected } = await wholeRun(folder, stopsEarly);
  const [last] = numberedFolders(join(folder, 'whole', runFolders.checkpoints));
  expect(last!.step).toBeLessThan(60);
  const different: string[] = [];
  for (let at = 5; at < calls.length; at += 9) {
    if ((await dieAndResume(join(folder, 'run'), experiment, at)) !== expected)
      different.push(`${at} ${calls[at]}`);
  }
  expect(different).toEqual([]);
});

test('a full disk at any other call of a run: a typed error, and resumed it ends with the same bits', {
  timeout: 300_000,
}, async () => {
  const folder = temporaryFolder();
  const { experiment, calls, expected } = await wholeRun(folder);
  const wrong: string[] = [];
  for (const [at, name] of calls.entries()) {
    if (at % 2 === 1 || name === 'rmSync') continue; // removing needs no space
    const run = join(folder, `run-${at}`);
    plantFault({ at, code: 'ENOSPC', isForGood: false });
    const error: unknown = await trainExperiment(experiment, { folder: run }).catch((caught) => caught);
    plantFault();
    if (error instanceof Error && (error as TrainingError).code !== 'E_DISK_FULL')
      wrong.push(`${at} ${name}: ${error.message}`);
    removeLeftovers(join(run, runFolders.checkpoints));
    newestCheckpoint(run);
    await trainExperiment(experiment, { folder: run, resume: true });
    if (results(run) !== expected) wrong.push(`${at} ${name}: other bits`);
    rmSync(run, { recursive: true });
  }
  expect(wrong).toEqual([]);
});
