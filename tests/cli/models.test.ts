/** Models that are missing, damaged or of another kind, and places that cannot be written. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectMistake, heed, linesOf } from '../support/heed-binary.ts';
import { removeProject, trainedProject } from '../support/tiny-project.ts';

let cwd: string;
beforeAll(async () => {
  cwd = await trainedProject();
});
afterAll(() => removeProject(cwd));
beforeEach(() => {
  rmSync(join(cwd, 'copy'), { recursive: true, force: true });
  cpSync(join(cwd, 'runs/reverse'), join(cwd, 'copy'), { recursive: true });
});

const translate = (model: string, ...args: string[]) =>
  heed(['translate', model, ...args], { cwd, input: 'abc\n' });

function flipBit(path: string): void {
  const bytes = readFileSync(join(cwd, path));
  const middle = bytes.length >> 1;
  bytes[middle]! ^= 1;
  writeFileSync(join(cwd, path), bytes);
}

/** Rewrites a file of a model together with its sum, so that only its content is at fault. */
function forge(folder: string, name: string, content: string): void {
  writeFileSync(join(cwd, folder, name), content);
  const manifest = JSON.parse(readFileSync(join(cwd, folder, 'manifest.json'), 'utf8')) as {
    files: Record<string, object>;
  };
  const sum = createHash('sha256').update(content).digest('hex');
  manifest.files[name] = { bytes: Buffer.byteLength(content), sha256: sum };
  writeFileSync(join(cwd, folder, 'manifest.json'), JSON.stringify(manifest));
}

describe.each([
  ['translate', ['translate']],
  ['inspect', ['inspect']],
  ['evaluate', ['evaluate', '--source', 'sources.txt', '--target', 'targets.txt', '--metrics', 'cer']],
])('heed %s', (_, [command, ...options]) => {
  it.each([
    ['nope', /^nope: there is no such folder; hint: give the folder that heed train made/],
    ['tiny.yaml', /^tiny.yaml: is a file, expected the folder of a model/],
    ['.', /^\.: there is no model in this folder/],
    ['foreign', /^foreign: has no manifest.json: an incomplete model, or one of another program/],
  ])('%s', async (model, message) => {
    mkdirSync(join(cwd, 'foreign'), { recursive: true });
    writeFileSync(join(cwd, 'foreign/config.json'), '{}');
    expect(expectMistake(await heed([command!, model, ...options], { cwd }))).toMatch(message);
  });

  it('falls back to a checkpoint when the model is damaged, and says so', async () => {
    flipBit('copy/model/model.safetensors');
    const { code, stdout, stderr } = await heed([command!, 'copy', ...options], { cwd, input: 'abc\n' });
    expect(code, stderr).toBe(0);
    expect(stdout).not.toBe('');
    expect(stderr).toMatch(
      /^note: copy\/model\/model.safetensors: damaged: its sha256 differs.*copy\/checkpoints\/step-000030\n$/,
    );
  });
});

describe('damage', () => {
  it('gives the result of the checkpoint that is named', async () => {
    const whole = await translate('copy/checkpoints/step-000020');
    flipBit('copy/model/model.safetensors');
    truncateSync(join(cwd, 'copy/checkpoints/step-000030/model.safetensors'), 100);
    const { code, stdout, stderr } = await translate('copy');
    expect(code).toBe(0);
    expect(stdout).toBe(whole.stdout);
    expect(linesOf(stderr)[1]).toMatch(
      /step-000030\/model.safetensors: damaged: 100 bytes, the manifest says \d+; using copy\/checkpoints\/step-000020$/,
    );
  });

  it('with --strict ends with 3', async () => {
    flipBit('copy/model/model.safetensors');
    for (const args of [
      ['translate', 'copy'],
      ['evaluate', 'copy', '--source', 'sources.txt', '--target', 'targets.txt', '--metrics', 'cer'],
    ]) {
      const { code, stdout, stderr } = await heed([...args, '--strict'], { cwd, input: 'abc\n' });
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
      expect(stderr).toMatch(
        /^heed: strict: copy\/model\/model.safetensors: damaged.*; hint: without strict, copy\/checkpoints\/step-000030 would be used\n$/,
      );
    }
  });

  it('everywhere is one line that names the first', async () => {
    for (const name of ['model', 'checkpoints/step-000030', 'checkpoints/step-000020'])
      flipBit(`copy/${name}/checkpoint.json`);
    expect(expectMistake(await translate('copy'))).toMatch(
      /^copy: none of its 2 checkpoints can be read: copy\/checkpoints\/step-000030\/checkpoint.json: damaged.*; hint: train again/,
    );
    rmSync(join(cwd, 'copy/checkpoints'), { recursive: true });
    expect(expectMistake(await translate('copy'))).toMatch(
      /^copy: its model cannot be read, and it has no checkpoint: .*checkpoint.json: damaged/,
    );
    expect(expectMistake(await translate('copy/model'))).toMatch(
      /checkpoint.json: damaged: its sha256 differs from the manifest; hint: give the folder of the run/,
    );
  });

  it('of the newest checkpoint: --resume goes on from the one before, --strict does not', async () => {
    flipBit('copy/checkpoints/step-000030/optimizer.safetensors');
    const resume = (...args: string[]) =>
      heed(['train', 'tiny.yaml', '--out', 'copy', '--resume', ...args], { cwd });
    const strict = await resume('--strict');
    expect(strict).toMatchObject({ code: 3, stdout: '' });
    expect(strict.stderr).toMatch(
      /^heed: strict: .*optimizer.safetensors: damaged.*goes on from copy\/checkpoints\/step-000020\n$/,
    );
    const { code, stderr } = await resume();
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/^note: .*optimizer.safetensors: damaged.*; falling back to step 20\n/);
    expect(stderr).toContain('going on from step 20\n');
  });

  it.each([
    ['null', /manifest.json: not a manifest of heed/],
    ['{', /manifest.json: the manifest is not JSON/],
    [
      '{"format":"heed-checkpoint","version":2,"files":{}}',
      /manifest.json: version 2, this heed .* reads version 1; hint: update heed/,
    ],
    ['{"format":"heed-checkpoint","version":1,"files":null}', /manifest.json: not a manifest of heed/],
    ['{"format":"heed-checkpoint","version":1,"files":{}}', /checkpoint.json: the file is missing/],
    ['{"format":"heed-checkpoint","version":1,"files":{"x":3}}', /manifest.json: not a manifest of heed/],
    [
      '{"format":"heed-checkpoint","version":1,"files":{"model.safetensors":null}}',
      /manifest.json: not a manifest of heed/,
    ],
    [
      '{"format":"heed-checkpoint","version":1,"files":{"../../../tiny.yaml":{"bytes":1,"sha256":""}}}',
      /damaged: the file is missing/,
    ],
  ])('a manifest of %s', async (manifest, message) => {
    writeFileSync(join(cwd, 'copy/model/manifest.json'), manifest);
    expect(expectMistake(await translate('copy/model'))).toMatch(message);
  });

  it.each([
    ['not JSON', () => 'x', /checkpoint.json: not JSON/],
    ['null', () => 'null', /checkpoint.json: not a model of heed/],
    [
      'a newer version',
      (text: string) => text.replace('"version":1', '"version":9'),
      /checkpoint.json: version 9, this heed .* reads version 1; hint: update heed/,
    ],
    [
      'no model',
      (text: string) => text.replace('"model":', '"modle":'),
      /checkpoint.json: has no field "model"/,
    ],
    [
      'another kind',
      (text: string) => text.replace('"kind":"transformer"', '"kind":"perceiver"'),
      /model.kind: expected a known architecture, got "perceiver"/,
    ],
    [
      'another shape',
      (text: string) => text.replace('"dFf":32', '"dFf":64'),
      /model.safetensors.*\[64.*\[32|model.safetensors.*\[32.*\[64/,
    ],
    [
      'impossible heads',
      (text: string) => text.replace('"numHeads":2', '"numHeads":3'),
      /numHeads: expected a divisor of dModel/,
    ],
    ['a broken tokenizer', (text: string) => text.replace('"heed-tokenizer"', '"x"'), /heed-tokenizer/],
  ])('a description of %s', async (_, change, message) => {
    const text = readFileSync(join(cwd, 'copy/model/checkpoint.json'), 'utf8');
    expect(change(text)).not.toBe(text);
    forge('copy/model', 'checkpoint.json', change(text));
    expect(expectMistake(await translate('copy/model'))).toMatch(message);
  });
});

describe('places that cannot be written', () => {
  const train = (out: string) => heed(['train', 'tiny.yaml', '--out', out], { cwd });

  it.each([
    ['tiny.yaml', /^tiny.yaml: part of the path is a file; hint: choose another place/],
    ['tiny.yaml/run', /^tiny.yaml\/run: part of the path is a file; hint: choose another place/],
  ])('%s', async (out, message) => {
    expect(expectMistake(await train(out))).toMatch(message);
  });

  it('a file system that takes no folders', async (context) => {
    if (!existsSync('/proc/self')) context.skip('no /proc here');
    expect(expectMistake(await train('/proc/heed'))).toMatch(
      /^\/proc\/heed: there is no such folder, or it takes no new entries/,
    );
  });

  it('a tokenizer, a report', async () => {
    const tokenizer = ['tokenizer', 'train', '--kind', 'char', '--input', 'sources.txt', '--output'];
    expect(expectMistake(await heed([...tokenizer, 'nope/t.json'], { cwd }))).toMatch(
      /^nope\/t.json: there is no such folder/,
    );
    expect(expectMistake(await heed([...tokenizer, '.'], { cwd }))).toMatch(
      /^\.: is a folder, expected a file/,
    );
    mkdirSync(join(cwd, 'copy/report'), { recursive: true });
    rmSync(join(cwd, 'copy/report.html'));
    mkdirSync(join(cwd, 'copy/report.html'));
    expect(expectMistake(await heed(['report', 'copy'], { cwd }))).toMatch(
      /^copy\/report.html: is a folder, expected a file/,
    );
    expect(readdirSync(join(cwd, 'copy')).filter((name) => name.includes('.tmp'))).toEqual([]);
  });

  it('a full disk: one line, and what was there stays whole', async (context) => {
    const disk = join(cwd, 'disk');
    mkdirSync(disk);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=96k', 'tmpfs', disk]);
    if (mounted.status !== 0) context.skip('a small file system cannot be mounted here');
    try {
      const { code, stdout, stderr } = await train('disk/run');
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(linesOf(stderr).at(-1)).toMatch(
        /^heed: disk\/run\/.*: the disk is full; hint: free some space; a training goes on with --resume$/,
      );
      writeFileSync(join(cwd, 'many.txt'), 'abcdef\n'.repeat(30_000));
      const translated = await heed(
        ['translate', 'copy', '--input', 'many.txt', '--output', 'disk/out.txt'],
        { cwd },
      );
      expect(expectMistake(translated)).toMatch(/^disk\/out.txt: the disk is full; hint: free some space/);
    } finally {
      spawnSync('umount', [disk]);
    }
  });
});
