/** `heed translate`: lines in, lines out. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
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
import { removeProject, trainedProject } from '../support/tiny-project.ts';

let cwd: string;
beforeAll(async () => {
  cwd = await trainedProject();
});
afterAll(() => removeProject(cwd));

const model = 'runs/reverse';
const translate = (args: readonly string[], input: string | Uint8Array = '') =>
  heed(['translate', model, ...args], { cwd, input });

async function lines(input: string | Uint8Array, ...args: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await translate(args, input);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return linesOf(stdout);
}

it('answers each line while the input stays open', async () => {
  const child = startHeed(['translate', model], { cwd });
  const done = outcomeOf(child);
  const answers: string[] = [];
  let wake = (): void => {};
  child.stdout.on('data', (text: string) => {
    answers.push(...linesOf(text));
    wake();
  });
  for (const [i, word] of ['abc', 'fed'].entries()) {
    child.stdin.write(`${word}\n`);
    while (answers.length <= i) await new Promise<void>((resolve) => (wake = resolve));
  }
  child.stdin.end();
  expect(await done).toMatchObject({ code: 0, stderr: '' });
  expect(answers).toEqual(await lines('abc\nfed\n'));
});

it('keeps the order of a thousand lines of every length, whatever the batch', async () => {
  const words = Array.from({ length: 1000 }, (_, i) =>
    'abcdefgh'.repeat(2).slice(i % 8, (i % 8) + 1 + (i % 7)),
  );
  const text = words.map((word) => `${word}\n`).join('');
  const all = await lines(text);
  expect(all).toHaveLength(1000);
  const alone = new Map<string, string>();
  words.forEach((word, i) => {
    if (!alone.has(word)) alone.set(word, all[i]!);
    expect(all[i], `line ${i + 1}: ${word}`).toBe(alone.get(word));
  });
  expect(await lines(text, '--batch', '7')).toEqual(all);
  expect(await lines('abc\n')).toEqual([(await lines('x\nabc\n'))[1]]);
});

it('keeps empty lines empty, and takes CRLF, a byte order mark and a last line without an end', async () => {
  const [abc, fed] = await lines('abc\nfed\n');
  expect(abc).not.toBe('');
  expect(await lines('abc\n\n \nfed\n')).toEqual([abc, '', '', fed]);
  expect(await lines('\ufeffabc\r\n\r\nfed')).toEqual([abc, '', fed]);
  expect(await lines('')).toEqual([]);
  const [, blank] = jsonLines((await translate(['--json', '--alignments'], 'abc\n\n')).stdout);
  expect(blank).toMatchObject({
    source: '',
    text: '',
    tokens: [],
    alignment: { weights: [] },
    truncated: false,
  });
});

it('reads and writes files', async () => {
  expect(await lines('', '--input', 'sources.txt', '--output', 'out.txt')).toEqual([]);
  const written = linesOf(readFileSync(join(cwd, 'out.txt'), 'utf8'));
  expect(written).toEqual(await lines(readFileSync(join(cwd, 'sources.txt'))));
  expect(written).toHaveLength(10);
});

describe('--n-best and --json', () => {
  it('prints results with scores, best first, the first one that of the beam alone', async () => {
    const [row] = await lines('abc\n', '--beam-size', '4', '--n-best', '3');
    const cells = row!.split('\t');
    expect(cells).toHaveLength(6);
    const scores = [cells[1], cells[3], cells[5]].map(Number);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expect(scores.every((score) => score < 0)).toBe(true);
    expect(await lines('abc\n', '--beam-size', '4')).toEqual([cells[0]]);
  });

  it('prints one object a line', async () => {
    const args = ['--beam-size', '3', '--n-best', '2', '--json', '--alignments'];
    const [first, second] = jsonLines((await translate(args, 'abc\nfe\n')).stdout);
    expect([first!.source, second!.source]).toEqual(['abc', 'fe']);
    const { text, tokens, score, nBest, alignment, truncated } = first as {
      text: string;
      tokens: string[];
      score: number;
      nBest: { text: string; score: number; logProb: number }[];
      alignment: { sourceTokens: string[]; targetTokens: string[]; weights: number[][]; heads: number[][][] };
      truncated: boolean;
    };
    expect(nBest).toHaveLength(2);
    expect(nBest[0]).toMatchObject({ text, score });
    expect(tokens.join('')).toBe(text);
    expect(truncated).toBe(false);
    expect(alignment.sourceTokens).toEqual(['a', 'b', 'c', '</s>']);
    expect(alignment.targetTokens).toEqual([...tokens, '</s>']);
    expect(alignment.heads).toHaveLength(2);
    for (const row of alignment.weights) expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 4);
  });

  it('divides by the length penalty that is asked for', async () => {
    const [plain] = jsonLines((await translate(['--json', '--length-penalty', '0'], 'abc\n')).stdout);
    const [{ score, logProb }] = plain!.nBest as [{ score: number; logProb: number }];
    expect(score).toBe(logProb);
  });
});

it('cuts what is longer than the model takes, and says how often', async () => {
  const long = 'abcdefgh'.repeat(4);
  const { code, stdout, stderr } = await translate([], `abc\n${long}\n${long}\n`);
  expect(code).toBe(0);
  expect(linesOf(stdout)).toHaveLength(3);
  expect(stderr).toBe('note: 2 lines were longer than the model takes and cut\n');
  expect(
    jsonLines((await translate(['--json'], `abc\n${long}\n`)).stdout).map((line) => line.truncated),
  ).toEqual([false, true]);
});

it('stops at --max-new-tokens', async () => {
  const rows = await lines('abcdef\nfedcba\n', '--max-new-tokens', '2');
  for (const row of rows) expect(row.length).toBeLessThanOrEqual(2);
  expect(await lines('abc\n', '--max-new-tokens', '999999999')).toEqual(
    await lines('abc\n', '--max-new-tokens', '15'),
  );
});

it.each(['translate runs/reverse', 'translate runs/reverse --json', 'tokenizer encode t.json'])(
  'heed %s ends without a word when its reader has seen enough',
  async (command) => {
    await heed(['tokenizer', 'train', '--kind', 'char', '--input', 'sources.txt', '--output', 't.json'], {
      cwd,
    });
    const { stdout, stderr } = await shell(`yes abcdef | head -20000 | heed ${command} | head -1`, { cwd });
    expect(linesOf(stdout)).toHaveLength(1);
    expect(stderr).toBe('');
  },
);

describe('mistakes', () => {
  it.each([
    [['--beam-size', '0'], /^--beam-size: expected a whole number from 1 to 1000, got "0"$/],
    [['--beam-size', 'x'], /^--beam-size: .*got "x"$/],
    [['--beam-size', '999999999'], /^--beam-size: .*got "999999999"$/],
    [
      ['--beam-size', '2', '--n-best', '3'],
      /^--n-best: expected at most --beam-size \(2\), got 3; hint: add --beam-size 3$/,
    ],
    [['--n-best', '0'], /^--n-best: expected a whole number of at least 1, got "0"$/],
    [['--length-penalty', 'x'], /^--length-penalty: expected a number of at least 0, got "x"$/],
    [['--length-penalty', '-1'], /^--length-penalty: .*got "-1"$/],
    [['--max-new-tokens', '0'], /^--max-new-tokens: .*got "0"$/],
    [['--batch', '1.5'], /^--batch: .*got "1.5"$/],
    [['--threads', '0'], /^--threads: expected a number of threads from 1 to 256, got "0"; hint: /],
    [['--device', 'natve'], /^device: .*did you mean "native"\?/],
    [['--input', 'nope.txt'], /^nope.txt: no such file; hint: /],
    [['--input', '.'], /^\.: is a folder, expected a file/],
    [['--output', 'nope/out.txt'], /^nope\/out.txt: there is no such folder/],
    [['--output', 'runs'], /^runs: is a folder, expected a file/],
    [['--output', 'tiny.yaml/out.txt'], /^tiny.yaml\/out.txt: part of the path is a file/],
  ] as const)('%j', async (args, message) => {
    expect(expectMistake(await translate(args, 'abc\n'))).toMatch(message);
  });

  it('refuses to write over its own input', async () => {
    writeFileSync(join(cwd, 'own.txt'), 'abc\n');
    const outcome = await translate(['--input', 'own.txt', '--output', './own.txt']);
    expect(expectMistake(outcome)).toMatch(/^--output: expected another file than --input/);
    expect(readFileSync(join(cwd, 'own.txt'), 'utf8')).toBe('abc\n');
  });

  it('leaves the output alone when the input is not there', async () => {
    writeFileSync(join(cwd, 'precious.txt'), 'precious\n');
    expectMistake(await translate(['--input', 'nope.txt', '--output', 'precious.txt']));
    expect(readFileSync(join(cwd, 'precious.txt'), 'utf8')).toBe('precious\n');
    expectMistake(await translate(['--input', 'nope.txt', '--output', 'never.txt']));
    expect(existsSync(join(cwd, 'never.txt'))).toBe(false);
  });

  it('translates the lines before one that is not UTF-8, then names line and byte', async () => {
    const { code, stdout, stderr } = await translate([], Buffer.from('abc\nde\xff\nfed\n', 'latin1'));
    expect(code).toBe(2);
    expect(linesOf(stdout)).toEqual(await lines('abc\n'));
    expect(stderr).toMatch(
      /^heed: standard input:2: expected UTF-8, got byte 0xff at byte offset 6; hint: .*\n$/,
    );
  });
});
