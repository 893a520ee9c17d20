import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { experiment, result, samples, writeRunFolder } from '../../tests/fixtures/run-folder.ts';
import { readRun } from './read-run.ts';

const folders: string[] = [];

function folder(files: Readonly<Record<string, unknown>>): string {
  const dir = mkdtempSync(join(tmpdir(), 'heed-report-'));
  folders.push(dir);
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(dir, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return dir;
}

afterAll(() => {
  for (const dir of folders) rmSync(dir, { recursive: true });
});

describe('a whole run', () => {
  it('is read as it was written', async () => {
    const dir = folder({});
    writeRunFolder(dir);
    const run = await readRun(dir);
    expect([run.train, run.validation, run.test, run.timing].map(({ length }) => length)).toEqual([
      500, 10, 1, 50,
    ]);
    expect(run.experiment).toEqual(experiment);
    expect(run.result).toEqual(result);
    expect(run.name).toBe('g2p-cmudict-small');
    const given = samples(15)[1]!;
    const { sourceTokens, targetTokens, alignment, heads, ...rest } = given;
    expect(run.samples).toHaveLength(15);
    expect(run.samples[1]).toEqual({ ...rest, attention: { sourceTokens, targetTokens, alignment, heads } });
  });
});

describe('a run of metrics.jsonl alone', () => {
  it('is named by its folder', async () => {
    const dir = folder({
      'metrics.jsonl': '{"kind":"train","step":1,"loss":2}\n{"kind":"note","text":"x"}\n{"kind":"tr',
    });
    const run = await readRun(dir);
    expect(run.name).toBe(basename(dir));
    expect(run.train.columns.get('loss')).toEqual([2]);
    expect([run.experiment, run.result, run.samples]).toEqual([undefined, undefined, []]);
  });
});

const rows = '{"kind":"train","step":1,"loss":2}\n';
const sample = { source: 'a', references: ['b'], hypothesis: 'b', score: 0, correct: true };

describe('what cannot be read', () => {
  it('is a folder that does not exist, or a file', async () => {
    await expect(readRun('no/such/run')).rejects.toMatchObject({ code: 'E_CONFIG' });
    const dir = folder({ 'metrics.jsonl': rows });
    await expect(readRun(join(dir, 'metrics.jsonl'))).rejects.toThrow(/which is a file; hint: /);
  });

  it('is a folder without metrics.jsonl', async () => {
    const dir = folder({});
    await expect(readRun(dir)).rejects.toMatchObject({ code: 'E_DATA', file: join(dir, 'metrics.jsonl') });
  });

  it.each([
    ['metrics.jsonl', `${rows}oops\n${rows}`, /metrics\.jsonl:2: expected a JSON object, got "oops"/],
    [
      'metrics.jsonl',
      '{"kind":"validation","loss":2}\n',
      /metrics\.jsonl:1 \.step: expected a number, got nothing/,
    ],
    ['timing.jsonl', '{"seconds":1}\n', /timing\.jsonl:1 \.step: expected a number/],
    ['experiment.json', '{"name":', /experiment\.json: expected JSON, got/],
    ['experiment.json', { threads: 'two' }, /experiment\.json \.threads: expected a number, got "two"/],
    ['experiment.json', { parameters: { parts: {} } }, /\.parameters\.total: expected a number, got nothing/],
    ['result.json', { metrics: { per: null } }, /result\.json \.metrics\.per: expected a number, got null/],
    ['samples.json', {}, /samples\.json: expected an array, got \{\}/],
    ['samples.json', [sample, { ...sample, correct: 1 }], /\[1\]\.correct: expected true or false, got 1/],
    [
      'samples.json',
      [{ ...sample, sourceTokens: ['a', 'b'], targetTokens: ['c'], alignment: [[1, 0, 0]] }],
      /\[0\]\.alignment: expected weights of shape \[1, 2\] \(target, source tokens\), got \[1,3\]/,
    ],
    [
      'samples.json',
      [{ ...sample, sourceTokens: ['a'], targetTokens: ['c'], alignment: [[1]], heads: [[[1]], []] }],
      /\[0\]\.heads\[1\]: expected weights of shape \[1, 1\] .*, got \[0,0\]/,
    ],
  ])('is a %s of %j', async (file, content, message) => {
    const dir = folder({ 'metrics.jsonl': rows, [file]: content });
    await expect(readRun(dir)).rejects.toThrow(message);
    await expect(readRun(dir)).rejects.toMatchObject({ code: 'E_DATA', file: join(dir, file) });
  });
});
