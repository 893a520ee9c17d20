/** Damaged, foreign and newer checkpoints: what a resumed run makes of them. */
import './support/devices.ts';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256 } from '../src/train/atomic.ts';
import { findModel, newestCheckpoint, readCheckpoint } from '../src/train/checkpoint.ts';
import { numberedFolders } from '../src/train/checkpoint-store.ts';
import type { Experiment } from '../src/train/config/schema.ts';
import type { TrainingEvent } from '../src/train/events.ts';
import { loadModel } from '../src/train/load-model.ts';
import { type TrainOptions, trainExperiment } from '../src/train/run.ts';
import { fingerprint, permanentFolder, temporaryFolder, tinyExperiment } from './support/tiny-run.ts';

const overrides = { training: { maxSteps: 14, checkpointEvery: 4, logEvery: 1 }, evaluation: { every: 4 } };

let work: ReturnType<typeof permanentFolder>;
let experiment: Experiment;
let undisturbed: string;

const results = (run: string): string => JSON.stringify(fingerprint(run), null, 1);

/** Stops a run after some updates; its newest checkpoints are then steps 8, 10 when it is stopped at 10. */
async function stoppedAt(step: number, run: string, options: Partial<TrainOptions> = {}): Promise<void> {
  const stop = new AbortController();
  const onEvent = (event: TrainingEvent): void => {
    if (event.type === 'step' && event.step >= step) stop.abort();
  };
  await trainExperiment(experiment, { folder: run, onEvent, signal: stop.signal, ...options });
}

/** Goes on to the end; the notes on the way. */
async function resumed(run: string, options: Partial<TrainOptions> = {}): Promise<string> {
  const notes: string[] = [];
  const onEvent = (event: TrainingEvent): void => {
    if (event.type === 'note') notes.push(event.text);
  };
  await trainExperiment(experiment, { folder: run, resume: true, onEvent, ...options });
  return notes.join('\n');
}

const checkpoints = (run: string): string[] =>
  numberedFolders(join(run, 'checkpoints')).map(({ path }) => path);

/** Turns one bit of a file around. */
function flip(file: string, place: number): void {
  const bytes = readFileSync(file);
  bytes[Math.floor(place * bytes.length)]! ^= 4;
  writeFileSync(file, bytes);
}

/** Rewrites a JSON file of a checkpoint so that its manifest agrees: a whole checkpoint of another kind. */
function forge(checkpoint: string, change: (facts: Record<string, unknown>) => void): void {
  const file = join(checkpoint, 'checkpoint.json');
  const facts = JSON.parse(readFileSync(file, 'utf8'));
  change(facts);
  const bytes = Buffer.from(JSON.stringify(facts));
  writeFileSync(file, bytes);
  const path = join(checkpoint, 'manifest.json');
  const manifest = JSON.parse(readFileSync(path, 'utf8'));
  manifest.files['checkpoint.json'] = {
    bytes: bytes.length,
    sha256: sha256(bytes),
  };
  writeFileSync(path, JSON.stringify(manifest));
}

beforeAll(async () => {
  work = permanentFolder();
  experiment = tinyExperiment(work.folder, overrides);
  await trainExperiment(experiment, { folder: join(work.folder, 'whole') });
  undisturbed = results(join(work.folder, 'whole'));
  await stoppedAt(10, join(work.folder, 'stopped'));
  expect(checkpoints(join(work.folder, 'stopped')).map((path) => path.slice(-2))).toEqual(['10', '08']);
});

afterAll(() => work.remove());

/** A copy of the run that was stopped at step 10. */
function stoppedRun(): { run: string; newest: string; older: string } {
  const run = join(temporaryFolder(), 'run');
  cpSync(join(work.folder, 'stopped'), run, { recursive: true });
  const [newest, older] = checkpoints(run);
  return { run, newest: newest!, older: older! };
}

const files = ['model.safetensors', 'optimizer.safetensors', 'checkpoint.json', 'manifest.json'];

describe('the newest checkpoint with', () => {
  const damages: Readonly<Record<string, (file: string) => void>> = {
    'one bit flipped in the middle': (file) => flip(file, 0.5),
    'one bit flipped near the end': (file) => flip(file, 0.98),
    'its second half cut off': (file) => truncateSync(file, Math.floor(readFileSync(file).length / 2)),
    'no bytes': (file) => truncateSync(file, 0),
    'a byte too many': (file) => appendFileSync(file, 'x'),
    'the file gone': (file) => rmSync(file),
    'a folder in its place': (file) => {
      rmSync(file);
      mkdirSync(file);
    },
  };
  for (const [damage, apply] of Object.entries(damages)) {
    test(`${damage}: the one before is used, aloud, and the run ends with the same bits`, async () => {
      for (const file of files) {
        const { run, newest } = stoppedRun();
        apply(join(newest, file));
        const notes = await resumed(run);
        expect(notes, file).toContain('falling back to step 8');
        expect(notes, file).toContain(newest);
        expect(results(run), file).toBe(undisturbed);
      }
    });
  }

  test('damage and --strict: refused with E_STRICT, nothing changed', async () => {
    const { run, newest } = stoppedRun();
    flip(join(newest, 'model.safetensors'), 0.5);
    const before = readdirSync(run, { recursive: true }).sort();
    await expect(resumed(run, { strict: true })).rejects.toMatchObject({ code: 'E_STRICT' });
    expect(readdirSync(run, { recursive: true }).sort()).toEqual(before);
    await expect(loadModel(run, { strict: true })).rejects.toMatchObject({ code: 'E_STRICT' });
    const notes: string[] = [];
    await loadModel(run, { onNote: (text) => notes.push(text) });
    expect(notes.join()).toMatch(/its sha256 differs from the manifest.*; using .*step-000008/);
  });
});

describe('several damaged checkpoints', () => {
  test('all of them: a typed error that names the first, and nothing is started over', async () => {
    const { run, newest, older } = stoppedRun();
    for (const path of [newest, older]) truncateSync(join(path, 'model.safetensors'), 9);
    await expect(resumed(run)).rejects.toMatchObject({ name: 'FormatError', code: 'E_CHECKPOINT' });
    await expect(resumed(run)).rejects.toThrow('none of its 2 checkpoints can be read');
    expect(checkpoints(run)).toEqual([newest, older]);
  });

  test('newer ones never push out good ones', async () => {
    const { run, newest } = stoppedRun();
    for (const name of ['step-000012', 'step-000900']) {
      cpSync(newest, join(run, 'checkpoints', name), { recursive: true });
      truncateSync(join(run, 'checkpoints', name, 'model.safetensors'), 9);
    }
    await stoppedAt(11, run, { resume: true });
    const found = newestCheckpoint(run);
    expect(found!.checkpoint.facts.training!.step).toBe(11);
    expect(checkpoints(run).map((path) => readCheckpoint(path).facts.training!.step)).toEqual([11, 10]);
    await resumed(run);
    expect(results(run)).toBe(undisturbed);
  });
});

describe('a checkpoint of', () => {
  test('another architecture: E_ARCHITECTURE before anything is changed', async () => {
    const { run } = stoppedRun();
    const other = { ...experiment, model: { ...experiment.model, dFf: 48 } };
    const before = readdirSync(run, { recursive: true }).sort();
    await expect(trainExperiment(other, { folder: run, resume: true })).rejects.toMatchObject({
      code: 'E_ARCHITECTURE',
    });
    expect(readdirSync(run, { recursive: true }).sort()).toEqual(before);
    await resumed(run);
    expect(results(run)).toBe(undisturbed);
  });

  test('a model whose weights are not those of its configuration: E_ARCHITECTURE', async () => {
    const { run, newest, older } = stoppedRun();
    for (const path of [newest, older])
      forge(path, ({ model }) => Object.assign((model as { config: object }).config, { dFf: 48 }));
    await expect(loadModel(run)).rejects.toMatchObject({ name: 'FormatError', code: 'E_ARCHITECTURE' });
  });

  test('a newer format: refused with both versions; it is whole, so nothing older may take its place', async () => {
    const { run, newest, older } = stoppedRun();
    forge(newest, (facts) => Object.assign(facts, { version: 2 }));
    await expect(resumed(run)).rejects.toMatchObject({ code: 'E_CHECKPOINT_VERSION' });
    await expect(resumed(run)).rejects.toThrow(
      /version 2, this heed \(.+\) reads version 1; hint: update heed/,
    );
    expect(checkpoints(run)).toEqual([newest, older]);
  });

  test('a newer manifest, or of another program: refused', () => {
    const { newest } = stoppedRun();
    const file = join(newest, 'manifest.json');
    const manifest = JSON.parse(readFileSync(file, 'utf8'));
    for (const [change, message] of [
      [{ version: 7 }, 'hint: update heed'],
      [{ format: 'other' }, 'not a manifest of heed'],
      [{ files: { '../../secret': { bytes: 1, sha256: '' } } }, 'the file is missing'],
    ] as const) {
      writeFileSync(file, JSON.stringify({ ...manifest, ...change }));
      expect(() => readCheckpoint(newest)).toThrow(message);
    }
  });
});

describe('what a killed process leaves', () => {
  test('half-written folders and files are removed at the next start, a half-written line of the log too', async () => {
    const { run, newest } = stoppedRun();
    const leftovers = ['checkpoints/.tmp-77-step-000012', 'snapshots/.tmp-77-step-000012', '.tmp-77-model'];
    for (const name of leftovers) {
      mkdirSync(join(run, name), { recursive: true });
      writeFileSync(join(run, name, 'model.safetensors'), 'half');
    }
    appendFileSync(join(run, 'metrics.jsonl'), '{"kind":"train","step":11,"lo');
    writeFileSync(join(run, '.lock'), '{"pid":');
    expect(existsSync(newest)).toBe(true);
    await resumed(run);
    const rest = readdirSync(run, { recursive: true, encoding: 'utf8' }).filter(
      (path) => path.includes('.tmp-') || path.includes('.lock'),
    );
    expect(rest).toEqual([]);
    expect(results(run)).toBe(undisturbed);
  });

  test('a snapshot that is needed and not there is an error, not a smaller average', async () => {
    const { run } = stoppedRun();
    const [newest] = numberedFolders(join(run, 'snapshots'));
    renameSync(newest!.path, join(run, 'elsewhere'));
    const short = { ...experiment, training: { ...experiment.training, maxSteps: 11 } };
    await expect(trainExperiment(short, { folder: run, resume: true })).rejects.toMatchObject({
      code: 'E_CHECKPOINT',
    });
  });
});

describe('a folder', () => {
  test('with a run and no --resume: E_RUN_EXISTS', async () => {
    const { run } = stoppedRun();
    await expect(trainExperiment(experiment, { folder: run })).rejects.toMatchObject({
      code: 'E_RUN_EXISTS',
    });
  });

  test('without a checkpoint and with --resume: starts from the beginning, aloud', async () => {
    const run = join(temporaryFolder(), 'fresh');
    expect(await resumed(run)).toContain('no checkpoint yet');
    expect(results(run)).toBe(undisturbed);
  });

  test('without any model: E_NO_MODEL', () => {
    expect(() => findModel(temporaryFolder())).toThrow(expect.objectContaining({ code: 'E_NO_MODEL' }));
  });
});
