/** `heed quantize`: a smaller model that the other commands use like any other. */
import '../../src/backends/register.ts';
import { cpSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { trainExperiment } from '../../src/train/run.ts';
import { expectMistake, heed, jsonLines, linesOf } from '../support/heed-binary.ts';
import { removeProject, tinyProject, tinyYaml } from '../support/tiny-project.ts';
import { textExperiment, textModels, writeText } from '../support/tiny-text-run.ts';

let cwd: string;
beforeAll(async () => {
  cwd = tinyProject();
  writeFileSync(join(cwd, 'wide.yaml'), tinyYaml.replace('dModel: 16', 'dModel: 32').replace('30', '150'));
  for (const [config, out] of [
    ['wide.yaml', 'wide'],
    ['tiny.yaml', 'narrow'],
  ] as const) {
    const { code, stderr } = await heed(['train', config, '--out', out], { cwd });
    expect(code, stderr).toBe(0);
  }
}, 120_000);
afterAll(() => removeProject(cwd));

const quantize = (...args: string[]) => heed(['quantize', ...args], { cwd });

interface Report {
  readonly count: number;
  readonly before: { readonly bytes: number; readonly metrics: Record<string, number> };
  readonly after: { readonly bytes: number; readonly metrics: Record<string, number> };
}

describe.each(['int8', 'int4'])('%s', (dtype) => {
  it("is scored with the run's own data and metrics, and serves translate, evaluate and inspect", async () => {
    const { code, stdout, stderr } = await quantize('wide', '--dtype', dtype, '--out', dtype, '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { count, before, after } = JSON.parse(stdout) as Report;
    expect(count).toBe(10);
    expect(Object.keys(before.metrics)).toEqual(['cer', 'exact-match']);
    expect(after.bytes).toBeLessThan(before.bytes / 2);
    const scoring = ['--source', 'sources.txt', '--target', 'targets.txt', '--metrics', 'cer', '--json'];
    for (const [model, metrics] of [
      ['wide', before.metrics],
      [dtype, after.metrics],
    ] as const) {
      const evaluated = await heed(['evaluate', model, ...scoring], { cwd });
      expect((JSON.parse(evaluated.stdout) as { score: number }).score).toBe(metrics.cer);
    }
    const translated = await heed(['translate', dtype], { cwd, input: 'abc\ncab\n' });
    expect(translated.code, translated.stderr).toBe(0);
    expect(linesOf(translated.stdout)).toHaveLength(2);
    expect((await heed(['inspect', dtype], { cwd })).code).toBe(0);
  });
});

it('prints a table, with data of its own', async () => {
  const scoring = ['--source', 'sources.txt', '--target', 'targets.txt', '--metrics', 'cer,ser'];
  const { code, stdout, stderr } = await quantize(
    ...['wide/model', '--dtype', 'int8', '--out', 'table', ...scoring, '--max-examples', '7'],
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(linesOf(stdout).map((line) => line.trim().split(/\s+/)[0])).toEqual([
    'float',
    'weights',
    'CER',
    'SER',
    'scored',
    'written',
  ]);
  expect(stdout).toContain('scored on 7 held-out examples');
});

it('goes without scores where the data of the run is gone, and says so', async () => {
  const { code, stdout, stderr } = await heed(
    ['quantize', join(cwd, 'wide'), '--dtype', 'int8', '--out', join(cwd, 'elsewhere'), '--json'],
    { cwd: join(cwd, 'wide') },
  );
  expect(code).toBe(0);
  expect((JSON.parse(stdout) as Report).after.metrics).toEqual({});
  expect(stderr).toMatch(/^note: no scores: the run's data cannot be read: /);
});

it('says so where no run is beside the model', async () => {
  const args = ['once-more', '--dtype', 'int8', '--out', 'alone'];
  cpSync(join(cwd, 'wide', 'model'), join(cwd, 'once-more'), { recursive: true });
  const { code, stdout, stderr } = await quantize(...args);
  expect(code).toBe(0);
  expect(stdout).not.toContain('scored');
  expect(stderr).toMatch(/^note: no scores: \S+experiment\.json is not there, /);
});

describe('a language model', () => {
  beforeAll(async () => {
    const model = { ...textModels.gpt, dModel: 32 };
    const experiment = textExperiment(writeText(cwd, 1), model, { training: { maxSteps: 40 } });
    await trainExperiment(experiment, { folder: join(cwd, 'letters') });
  }, 120_000);

  it('is scored by what its run held out, or by another text, as heed evaluate does', async () => {
    const { code, stdout, stderr } = await quantize(
      'letters',
      '--dtype',
      'int8',
      '--out',
      'letters-8',
      '--json',
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { before, after } = JSON.parse(stdout) as Report;
    expect(after.bytes).toBeLessThan(before.bytes / 2);
    expect(Math.abs(after.metrics.loss! - before.metrics.loss!)).toBeLessThan(0.05);

    writeFileSync(join(cwd, 'held-out.txt'), 'abcabcaadbbcaabbccddeeffgghh'.repeat(9));
    const text = ['--text', 'held-out.txt', '--json'];
    const again = await quantize('letters', '--dtype', 'int4', '--out', 'letters-4', ...text);
    const report = JSON.parse(again.stdout) as Report;
    for (const [model, figures] of [
      ['letters', report.before],
      ['letters-4', report.after],
    ] as const) {
      const said = jsonLines((await heed(['evaluate', model, ...text], { cwd })).stdout);
      const scores = Object.fromEntries(said.map(({ metric, score }) => [metric, score]));
      expect(scores).toEqual(figures.metrics);
    }
    const written = await heed(['generate', 'letters-8', '--prompt', 'abc', '--max-tokens', '4'], { cwd });
    expect({ code: written.code, stderr: written.stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('has no translations to score', async () => {
    const given = ['--source', 'sources.txt', '--target', 'targets.txt', '--metrics', 'cer'];
    const outcome = await quantize('letters', '--dtype', 'int8', '--out', 'x', ...given);
    expect(expectMistake(outcome)).toMatch(
      /^--source: expected a model that translates, got one of kind "gpt"/,
    );
  });
});

describe('one line for', () => {
  it.each([
    [
      'an unknown type',
      ['wide', '--dtype', 'int5', '--out', 'x'],
      /^quantize: expected dtype int8 or int4, got "int5"/,
    ],
    [
      'a width that int4 cannot take',
      ['narrow', '--dtype', 'int4', '--out', 'x'],
      /^quantize \S+\.weight: expected a width divisible by the int4 group of 32, got width 16; hint: use dtype int8/,
    ],
    [
      'a folder that is there',
      ['wide', '--dtype', 'int8', '--out', 'narrow'],
      /^--out: expected a new folder, got narrow/,
    ],
    ['no model', ['nope', '--dtype', 'int8', '--out', 'x'], /^nope: there is no such folder/],
    [
      'half of the data',
      ['wide', '--dtype', 'int8', '--out', 'x', '--source', 'sources.txt'],
      /^--source: expected --target and --metrics beside it, got no --target/,
    ],
  ])('%s', async (_, args, message) => {
    expect(expectMistake(await quantize(...args))).toMatch(message);
    expect(existsSync(join(cwd, 'x'))).toBe(false);
  });

  it('a model that is quantised already', async () => {
    rmSync(join(cwd, 'once'), { recursive: true, force: true });
    expect((await quantize('wide', '--dtype', 'int8', '--out', 'once')).code).toBe(0);
    expect(expectMistake(await quantize('once', '--dtype', 'int4', '--out', 'x'))).toMatch(
      /^once: expected a model with float weights, got one that is quantised to int8 already/,
    );
  });
});
