/** `heed train`: what it prints, writes and takes. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  expectMistake,
  heed,
  jsonLines,
  linesOf,
  outcomeOf,
  shell,
  startHeed,
} from '../support/heed-binary.ts';
import { removeProject, tinyProject, trainedProject } from '../support/tiny-project.ts';

let cwd: string;
beforeAll(() => {
  cwd = tinyProject();
});
afterAll(() => removeProject(cwd));

const train = (...args: string[]) => heed(['train', 'tiny.yaml', ...args], { cwd });
const factsOf = (folder: string) =>
  JSON.parse(readFileSync(join(cwd, folder, 'experiment.json'), 'utf8')) as {
    config: {
      model: { dModel: number; activation: string };
      training: Record<string, unknown>;
      evaluation: object;
    };
    device: string;
    threads: number;
  };

it('shows progress on standard error and the result on standard output, and refuses to overwrite it', async () => {
  const { code, stdout, stderr } = await train();
  expect(code, stderr).toBe(0);
  expect(stderr).toMatch(/^training reverse: [\d,]+ parameters, 80 examples, .* threads?\n/);
  expect(stderr).toMatch(/step 15 · validation loss [\d.]+ .*CER [\d.]+ %/);
  expect(stderr).not.toMatch(/Warning|undefined|NaN/);
  expect(stdout).toMatch(/CER [\d.]+ % · exact-match [\d.]+ % {3}\(30 steps in 0:\d\d\)/);
  expect(stdout.match(/^ {2}[✓✗] /gm)).toHaveLength(3);
  expect(stdout).toContain('\nreport  runs/reverse/report.html\n');
  const before = readFileSync(join(cwd, 'runs/reverse/result.json'));
  expect(expectMistake(await train())).toMatch(/runs\/reverse: there is a run .*--resume.*--out/);
  expect(readFileSync(join(cwd, 'runs/reverse/result.json'))).toEqual(before);
});

describe('--json', () => {
  it('prints one event a line, with the fields that are documented, and nothing else', async () => {
    const { code, stdout, stderr } = await train('--json', '--out', 'json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const events = jsonLines(stdout);
    const of = (type: string) => events.filter((event) => event.type === type);
    expect(events[0]).toMatchObject({
      type: 'start',
      name: 'reverse',
      folder: 'json',
      trainExamples: 80,
      resumedAt: 0,
    });
    expect(of('step').map(({ step }) => step)).toEqual([10, 20, 30]);
    for (const event of of('step')) {
      for (const field of ['loss', 'learningRate', 'gradNorm', 'tokensPerSecond', 'seconds', 'done', 'epoch'])
        expect(event[field], field).toBeTypeOf('number');
    }
    expect(of('validation').map(({ step, isBest }) => [step, typeof isBest])).toEqual([
      [15, 'boolean'],
      [30, 'boolean'],
    ]);
    expect(of('checkpoint').map(({ step }) => step)).toEqual([10, 20, 30]);
    expect(of('testing')).toEqual([{ type: 'testing', examples: 10 }]);
    expect(events.at(-1)).toMatchObject({
      type: 'result',
      folder: 'json',
      report: 'json/report.html',
      steps: 30,
    });
    expect(Object.keys(events.at(-1)!.metrics as object)).toEqual(['cer', 'exact-match']);
    expect(new Set(events.map(({ type }) => type))).toEqual(
      new Set(['start', 'step', 'validation', 'checkpoint', 'testing', 'result']),
    );
  });
});

it('takes --set (numbers, texts, lists, groups), --seed, --device and --threads', async () => {
  const settings = [
    'model.dModel=8',
    'model.activation=gelu',
    'training.maxSteps=2',
    'training.average={ of: last, count: 1 }',
    'evaluation.metrics=[cer, ser]',
    'description=an equals sign = and spaces',
  ].flatMap((text) => ['--set', text]);
  const options = ['--seed', '7', '--device', 'reference', '--threads', '1', '--out', 'a/b/set'];
  const { code, stderr } = await train(...settings, ...options);
  expect(code, stderr).toBe(0);
  expect(factsOf('a/b/set')).toMatchObject({
    config: {
      description: 'an equals sign = and spaces',
      model: { dModel: 8, activation: 'gelu' },
      training: { maxSteps: 2, seed: 7, average: { of: 'last', count: 1 } },
      evaluation: { metrics: ['cer', 'ser'] },
    },
    device: expect.stringMatching(/^reference/),
    threads: 1,
  });
});

it('gives the same bits for the same seed, and others for another', async () => {
  const weights = async (name: string, seed: string): Promise<Buffer> => {
    const { code } = await train(
      '--out',
      name,
      '--seed',
      seed,
      '--threads',
      '1',
      '--set',
      'training.maxSteps=3',
    );
    expect(code).toBe(0);
    return readFileSync(join(cwd, name, 'model', 'model.safetensors'));
  };
  const first = await weights('seed-a', '5');
  expect((await weights('seed-b', '5')).equals(first)).toBe(true);
  expect((await weights('seed-c', '6')).equals(first)).toBe(false);
});

it('saves on Ctrl-C, says how to go on, and what it says works', async () => {
  const odd = "--set=description='it is odd'";
  const child = startHeed(
    [
      'train',
      'tiny.yaml',
      '--out',
      'stopped run',
      '--set',
      'training.maxSteps=1000000',
      odd.replaceAll("'", ''),
    ],
    { cwd },
  );
  const done = outcomeOf(child);
  await new Promise<void>((resolve) =>
    child.stderr.on('data', (text: string) => /step 1\d/.test(text) && resolve()),
  );
  expect(expectMistake(await train('--out', 'stopped run'))).toMatch(
    /another trainer \(process \d+ on .*\) works/,
  );
  child.kill('SIGINT');
  const { code, stdout, stderr } = await done;
  expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
  const [, step, command] = /saved at step (\d+) in stopped run; go on with: (heed train .*)\n/.exec(stderr)!;
  expect(command).toContain("--out 'stopped run'");
  expect(command).toContain('--set training.maxSteps=1000000');
  expect(existsSync(join(cwd, 'stopped run/.lock'))).toBe(false);
  const more = Number(step) + 5;
  const resumed = await shell(command!.replace('1000000', String(more)), { cwd });
  expect(resumed.code, resumed.stderr).toBe(0);
  expect(resumed.stderr).toContain(`going on from step ${step}\n`);
  expect(resumed.stdout).toContain(`(${more} steps in`);
});

it('saves before it ends when its reader has gone', async () => {
  const line =
    'heed train tiny.yaml --json --out piped --set training.maxSteps=100000 --set training.logEvery=1 | head -2';
  const { stdout, stderr } = await shell(line, { cwd });
  expect(jsonLines(stdout).map(({ type }) => type)).toEqual(['start', 'step']);
  expect(stderr).not.toMatch(/EPIPE|\n\s+at /);
  expect(stderr).toMatch(/saved at step \d+ in piped/);
});

describe('numbers that run away', () => {
  it('names step and tensor, keeps the last good checkpoint, and goes on from it', async () => {
    const out = ['--out', 'nan'];
    expect((await train(...out, '--set', 'training.maxSteps=10')).code).toBe(0);
    const hot = ['--set', 'training.learningRate=1e300'];
    const message = expectMistakeAfterProgress(await train(...out, '--resume', ...hot));
    expect(message).toMatch(
      /^heed: step 12: the loss is NaN and (weight|gradient of) \w+[\w.]* is not finite/,
    );
    expect(message).toContain('the checkpoint of step 10 is kept, --resume goes on from it');
    const { code, stderr } = await train(...out, '--resume');
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('going on from step 10\n');
  });

  it('does not speak of a checkpoint that is not there', async () => {
    const settings = ['training.learningRate=1e300', 'training.warmupSteps=0'].flatMap((text) => [
      '--set',
      text,
    ]);
    const message = expectMistakeAfterProgress(await train('--out', 'nan2', ...settings));
    expect(message).toContain('there is no checkpoint yet');
  });
});

/** The last line of a training that fails on its way. */
function expectMistakeAfterProgress({ code, stdout, stderr }: Awaited<ReturnType<typeof train>>): string {
  expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: '' });
  expect(stderr).not.toMatch(/\n\s+at |internal error/);
  return linesOf(stderr).at(-1)!;
}

it('leaves the configuration of a finished run alone when resumed with another model', async () => {
  const folder = await trainedProject();
  try {
    const outcome = await heed(['train', 'tiny.yaml', '--resume', '--set', 'model.dModel=32'], {
      cwd: folder,
    });
    expect(expectMistake(outcome)).toMatch(/another model configuration; hint: .*--out/);
  } finally {
    removeProject(folder);
  }
});

it('starts from the beginning, saying so, when there is nothing to resume', async () => {
  mkdirSync(join(cwd, 'fresh'));
  const { code, stderr } = await train('--out', 'fresh', '--resume', '--set', 'training.maxSteps=1');
  expect(code, stderr).toBe(0);
  expect(stderr).toMatch(/^note: no checkpoint yet/);
});
