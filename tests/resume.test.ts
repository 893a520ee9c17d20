/**
 * Training through the real command line, killed by SIGKILL at random moments and resumed: weights, moments,
 * logged metrics and samples are those of the run that nothing disturbed, bit for bit.
 */
import { cpSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../src/core/random.ts';
import { runFolders } from '../src/train/checkpoint.ts';
import { numberedFolders } from '../src/train/checkpoint-store.ts';
import { type BuiltHeed, buildHeed, builtAt, type Ending } from './support/built-heed.ts';
import { fingerprint, permanentFolder, testScores, tinyExperimentFile } from './support/tiny-run.ts';

const overrides = { training: { maxSteps: 40 } };
const KILLS = 50;

let heed: BuiltHeed;
let work: { readonly folder: string; readonly remove: () => void };
let yaml: string;
let undisturbed: string;
/** Milliseconds until a run says its first word, and until it ends. */
let birth: number;
let life: number;

const trainArgs = (run: string, ...more: string[]): string[] => [
  'train',
  yaml,
  '--out',
  join(work.folder, run),
  '--threads',
  '1',
  '--json',
  ...more,
];

const results = (run: string): string => {
  const folder = join(work.folder, run);
  return JSON.stringify([fingerprint(folder), testScores(folder)], null, 1);
};

async function train(run: string, ...more: string[]): Promise<Ending> {
  return heed.start(trainArgs(run, ...more)).ended;
}

async function finish(run: string, ...more: string[]): Promise<Ending> {
  const ending = await train(run, '--resume', ...more);
  expect(ending.code, ending.errors).toBe(0);
  return ending;
}

const wait = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

beforeAll(async () => {
  heed = buildHeed();
  work = permanentFolder();
  yaml = tinyExperimentFile(work.folder, overrides);
  await train('warm-up');
  const start = performance.now();
  const { process, ended } = heed.start(trainArgs('undisturbed'));
  process.stdout!.once('data', () => {
    birth = performance.now() - start;
  });
  const ending = await ended;
  life = performance.now() - start;
  expect(ending.code, ending.errors).toBe(0);
  undisturbed = results('undisturbed');
}, 120_000);

afterAll(() => {
  heed.remove();
  work.remove();
});

describe('two processes', () => {
  test('with one seed give the same bits, with another seed others', async () => {
    expect(results('warm-up')).toBe(undisturbed);
    await train('seed', '--seed', '2');
    const files = (run: string) => fingerprint(join(work.folder, run));
    for (const [file, hash] of Object.entries(files('undisturbed')))
      expect(files('seed')[file], file).not.toBe(hash);
  });
});

/** Where a run stands on the disk. */
function reached(run: string): string {
  const [newest] = numberedFolders(join(work.folder, run, runFolders.checkpoints));
  if (existsSync(join(work.folder, run, runFolders.model, 'manifest.json'))) return 'model written';
  return newest ? `step ${newest.step}` : 'no checkpoint';
}

/** Kills a run at random moments until it has been killed four times or ends; then lets it end. */
async function disturb(run: string, random: Random): Promise<string[]> {
  const hits: string[] = [];
  while (hits.length < 4) {
    const { process, ended } = heed.start(trainArgs(run, '--resume'));
    const delay = random.integer(5) === 0 ? 0 : birth; // one in five while it starts
    await Promise.race([wait(delay + random.uniform() * (delay ? life - birth : birth)), ended]);
    process.kill('SIGKILL');
    const { signal, code, errors } = await ended;
    if (signal === 'SIGKILL') hits.push(reached(run));
    else expect(code, errors).toBe(0);
    if (signal !== 'SIGKILL') break;
  }
  await finish(run);
  return hits;
}

function histogram(values: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].map(([value, count]) => `${count} at ${value}`).join(', ');
}

test(`${KILLS} kills at random moments change nothing`, { timeout: 300_000 }, async () => {
  const hits: string[] = [];
  let chains = 0;
  const worker = async (): Promise<void> => {
    while (hits.length < KILLS) {
      const run = `chain-${chains++}`;
      hits.push(...(await disturb(run, new Random(chains, 'kills'))));
      expect(results(run)).toBe(undisturbed);
    }
  };
  await Promise.all([worker(), worker()]);
  process.stdout.write(
    `${hits.length} kills in ${chains} runs of ${Math.round(life)} ms: ${histogram(hits)}\n`,
  );
});

/** Starts a run and ends it with a signal when it has written `checkpoints` checkpoints. */
async function stopAfter(
  run: string,
  checkpoints: number,
  signal: NodeJS.Signals,
  by = heed,
): Promise<Ending> {
  const { process, ended } = by.start(trainArgs(run));
  let seen = '';
  const watch = (chunk: Buffer): void => {
    seen += chunk;
    if (seen.split('"type":"checkpoint"').length <= checkpoints) return;
    process.stdout!.off('data', watch);
    process.kill(signal);
  };
  process.stdout!.on('data', watch);
  return ended;
}

describe('what would happen without', () => {
  const sabotages: Readonly<Record<string, [file: string, from: string, to: string]>> = {
    'the step in the dropout keys': [
      'nn/dropout-keys.js',
      'stream = { seed, step, site: 0 }',
      'stream = { seed, step: sabotaged++, site: 0 }',
    ],
    'the place in the epoch': [
      'train/trainer.js',
      'this.olderSnapshots = this.state.snapshots;',
      'this.state.position = 0;',
    ],
    'the moments': ['train/run.js', 'if (checkpoint?.moments)', 'if (false)'],
    'the open log window': [
      'train/trainer.js',
      'this.olderSnapshots = this.state.snapshots;',
      'this.state.window = freshWindow();',
    ],
  };
  for (const [name, [file, from, to]] of Object.entries(sabotages)) {
    test(`${name}: the same comparison finds differences`, async () => {
      const by = builtAt(join(work.folder, `broken ${name}`));
      cpSync(heed.folder, by.folder, { recursive: true, verbatimSymlinks: true });
      const path = join(by.folder, 'dist', file);
      const source = readFileSync(path, 'utf8');
      expect(source).toContain(from);
      writeFileSync(path, `let sabotaged = 1;\n${source.replace(from, to)}`);
      const whole = await by.start(trainArgs(`whole ${name}`)).ended;
      expect(whole.code, whole.errors).toBe(0);
      expect(results(`whole ${name}`)).toBe(undisturbed);
      const run = `cut ${name}`;
      expect((await stopAfter(run, 2, 'SIGKILL', by)).signal).toBe('SIGKILL');
      const ending = await by.start(trainArgs(run, '--resume')).ended;
      expect(ending.code, ending.errors).toBe(0);
      expect(results(run)).not.toBe(undisturbed);
    });
  }
});

describe('an orderly stop', () => {
  test('saves the step it has reached, exits with 130, and resumes to the same bits', async () => {
    const { code, errors } = await stopAfter('interrupted', 1, 'SIGINT');
    expect(code).toBe(130);
    expect(errors).toMatch(/saved at step \d+/);
    await finish('interrupted');
    expect(results('interrupted')).toBe(undisturbed);
  });
});

describe('a damaged newest checkpoint', () => {
  async function damaged(run: string): Promise<string> {
    await stopAfter(run, 3, 'SIGKILL');
    const [newest] = numberedFolders(join(work.folder, run, runFolders.checkpoints));
    truncateSync(join(newest!.path, 'optimizer.safetensors'), 100);
    return newest!.path;
  }

  test('the run falls back to the one before, says so, and ends with the same bits', async () => {
    await damaged('damaged');
    const { output } = await finish('damaged');
    expect(output).toMatch(
      /optimizer\.safetensors: damaged: 100 bytes, the manifest says \d+.*falling back to step \d+/,
    );
    expect(results('damaged')).toBe(undisturbed);
  });

  test('with --strict the run is refused with exit code 3 and nothing is touched', async () => {
    const path = await damaged('strict');
    const { code, errors } = await train('strict', '--resume', '--strict');
    expect(code).toBe(3);
    expect(errors.trim().split('\n')).toHaveLength(1);
    expect(existsSync(path)).toBe(true);
  });
});

test('five trainers at once take over a dead one: one works, the others are refused', async () => {
  await stopAfter('crowd', 1, 'SIGKILL');
  const endings = await Promise.all(Array.from({ length: 5 }, () => train('crowd', '--resume')));
  const refused = endings.filter(({ code, errors }) => code === 2 && errors.includes('another trainer'));
  const done = endings.filter(({ code }) => code === 0);
  expect(done.length).toBeGreaterThanOrEqual(1);
  expect(done.length + refused.length).toBe(5);
  expect(results('crowd')).toBe(undisturbed);
});

test('a second trainer in the folder is refused while the first one lives', async () => {
  const { process, ended } = heed.start(trainArgs('shared', '--set', 'training.maxSteps=100000'));
  while (!existsSync(join(work.folder, 'shared', '.lock'))) await wait(5);
  process.kill('SIGSTOP'); // or it might end before the second one has started
  const { code, errors } = await train('shared', '--resume');
  process.kill('SIGKILL');
  expect((await ended).signal).toBe('SIGKILL');
  expect(code).toBe(2);
  expect(errors).toMatch(/another trainer \(process \d+ on .+\) works in this folder; hint: /);
});
