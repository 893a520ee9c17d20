/** `heed bench`: what it prints, what it writes, and what it refuses. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needDevice } from '../support/devices.ts';
import { expectMistake, heed, heedScript, jsonLines, outcomeOf } from '../support/heed-binary.ts';

let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'heed-bench-'));
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const bench = (...args: string[]) => heed(['bench', ...args], { cwd });

/** `heed bench --peers`, and Ctrl-C once it has said something: every process of the group gets it. */
async function interrupted(
  args: readonly string[],
  said: RegExp,
  env: Readonly<Record<string, string>>,
  before: () => void,
) {
  const child = spawn(process.execPath, [heedScript(), 'bench', '--peers', ...args], {
    ...{ cwd, detached: true },
    env: { ...process.env, ...env },
  });
  let stderr = '';
  let again: NodeJS.Timeout | undefined;
  child.stderr.on('data', (text: Buffer) => {
    stderr += text;
    if (again || !said.test(stderr)) return;
    before();
    // The measured process may only be about to start.
    again = setInterval(() => process.kill(-child.pid!, 'SIGINT'), 200);
  });
  child.on('exit', () => clearInterval(again));
  return outcomeOf(child);
}

describe('heed bench', () => {
  it.each([
    [
      ['train-base25'],
      /^bench: expected a known name, got "train-base25"; hint: did you mean "train-base256"\?/,
    ],
    [['--profile', 'base256'], /^bench --profile: .*got "base256"; hint: one of train-base256, /],
    [['gemm', '--shape', '3x3'], /^--shape: expected MxNxK, .*, got "3x3"$/],
    [['gemm', '--shape', '0x3x3'], /^--shape: /],
    [['gemm', '--rounds', '0'], /^--rounds: expected a whole number of at least 1, got "0"$/],
    [['gemm', '--threads', '0'], /^--threads: /],
    [['--peers', '--only', 'decode-gpt3'], /^--only: .*did you mean "decode-gpt2"\?/],
    [['--peers', '--rounds', 'x'], /^--rounds: /],
  ] as const)('%j is a mistake', async (args, message) => {
    expect(expectMistake(await bench(...args))).toMatch(message);
    expect(existsSync(join(cwd, 'bench'))).toBe(false);
  });

  it.each(['0', 'abc', '', '1.5'])('HEED_THREADS=%j is a mistake', async (threads) => {
    const outcome = await heed(['bench', 'gemm'], { cwd, env: { HEED_THREADS: threads } });
    expect(expectMistake(outcome)).toBe(
      `HEED_THREADS: expected a number of threads from 1 to 256, got ${JSON.stringify(threads)}; hint: leave it out for the physical cores`,
    );
  });

  it('measures one product, on the threads that were asked for', async () => {
    const { code, stdout, stderr } = await bench(
      'gemm',
      '--shape',
      '33x20x17Bt',
      '--rounds',
      '1',
      '--threads',
      '1',
      '--json',
    );
    expect(code, stderr).toBe(0);
    const [line, ...rest] = jsonLines(stdout);
    expect(rest).toEqual([]);
    expect(line).toMatchObject({ name: 'gemm', m: 33, n: 20, k: 17, transposed: 'Bᵀ', threads: 1 });
    expect(line!.gflops).toBeGreaterThan(0);
  });

  it('--profile says op by op where the time of a step goes, and how far that is from the floor', {
    timeout: 180_000,
  }, async (context) => {
    needDevice(context, 'native');
    const { code, stdout, stderr } = await bench('--profile', 'train-tiny', '--rounds', '1');
    expect(code, stderr).toBe(0);
    const [, total] = /^train-tiny: ([\d.]+) ms$/m.exec(stdout)!;
    expect(stdout).toMatch(/^op +calls +ms +rate +\/ floor$/m);
    const row = /^(\S.*?) +(\d+) +([\d.]+) +([\d.]+) (GFLOP\/s|GB\/s) +([\d.]+)×$/gm;
    const ops = [...stdout.matchAll(row)].map(([, op, calls, ms, rate, unit, overFloor]) => ({
      ...{ op: op!, unit: unit!, calls: Number(calls), ms: Number(ms), rate: Number(rate) },
      overFloor: Number(overFloor),
    }));
    expect(ops.map(({ ms }) => ms)).toEqual(ops.map(({ ms }) => ms).toSorted((a, b) => b - a));
    // Four layers on each side; the decoder's have two attentions.
    const calls = Object.fromEntries(ops.map((each) => [each.op, each.calls]));
    expect(calls).toMatchObject({ attention: 12, 'attention.backward': 12, crossEntropy: 1, adam: 1 });
    const [, script] = /^JavaScript outside kernels +([\d.]+)$/m.exec(stdout)!;
    const sum = ops.reduce((all, { ms }) => all + ms, Number(script));
    expect(Math.abs(sum - Number(total))).toBeLessThan(0.1 + 0.01 * ops.length);
    // A product M×N×K is 2 M N K operations; of short ones the two decimals say too little.
    const products = ops.flatMap((each) => {
      const sizes = /^\S+ (\d+)×(\d+)×(\d+)( [AB]ᵀ)*$/.exec(each.op)?.slice(1, 4).map(Number);
      const isMeasured = sizes && each.unit === 'GFLOP/s' && each.ms > 1;
      return isMeasured ? [{ ...each, flops: sizes.reduce((a, b) => a * b, 2 * each.calls) }] : [];
    });
    expect(products.length).toBeGreaterThan(5);
    for (const { op, flops, ms, rate } of products) {
      expect(Math.abs(flops / ms / 1e6 / rate - 1), op).toBeLessThan(0.02);
    }
    expect(ops.every(({ overFloor }) => overFloor > 0)).toBe(true);
  });

  it('--peers names peers that are not installed, counts them, and writes what it has', async () => {
    const args = ['--peers', '--only', 'gemm-256x256x256-1', '--rounds', '1', '--out', 'out/results.json'];
    const { code, stdout, stderr } = await bench(...args, '--json');
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/^skipped: oneDNN \(.*\), in gemm-256x256x256-1$/m);
    expect(stderr).toMatch(/^skipped: OpenBLAS \(.*\), in gemm-256x256x256-1$/m);
    expect(stderr).toMatch(/^1 figures: 0 goals reached, 0 missed, 2 skipped; out\/results.json$/m);
    const written = JSON.parse(readFileSync(join(cwd, 'out/results.json'), 'utf8'));
    expect(written.rows).toEqual(jsonLines(stdout));
    expect(written.rows[0]).toMatchObject({
      work: 'gemm-256x256x256-1',
      comparisons: [],
      ours: { values: [expect.any(Number)] },
    });
    expect(written.skipped.map(({ name }: { name: string }) => name)).toEqual(['oneDNN', 'OpenBLAS']);
    // Another work joins those that the file has.
    const more = await bench(
      '--peers',
      '--only',
      'gemm-256x256x256-2',
      '--rounds',
      '1',
      '--out',
      'out/results.json',
    );
    expect(more.code, more.stderr).toBe(0);
    const joined = JSON.parse(readFileSync(join(cwd, 'out/results.json'), 'utf8'));
    expect(joined.rows.map(({ work }: { work: string }) => work)).toEqual([
      'gemm-256x256x256-1',
      'gemm-256x256x256-2',
    ]);
    expect(joined.rows[0]).toEqual(written.rows[0]);
  });

  it('--peers writes after every work, and Ctrl-C leaves what was finished', async () => {
    const out = join(cwd, 'stopped.json');
    const works = (): string[] => {
      const { rows } = JSON.parse(readFileSync(out, 'utf8')) as { rows: { work: string }[] };
      return rows.map(({ work }) => work);
    };
    const args = ['--only', 'gemm-256x256x256', '--rounds', '5', '--out', out];
    let during: string[] = [];
    const { code, stderr } = await interrupted(args, /^gemm-256x256x256-2: round 1 /m, {}, () => {
      during = works();
    });
    expect(during, stderr).toEqual(['gemm-256x256x256-1']);
    expect(code).toBe(130);
    expect(stderr).toMatch(/^interrupted; works that were finished are in /m);
    expect(works()).toEqual(during);
  });

  it('--peers removes the text that it made, also on Ctrl-C', async () => {
    const temporary = join(cwd, 'temporary');
    mkdirSync(temporary);
    const args = ['--only', 'char-gpt', '--rounds', '1', '--out', join(cwd, 'none.json')];
    const made = (): string[] => readdirSync(temporary).filter((name) => name.startsWith('heed-bench-'));
    let during: string[] = [];
    const env = { TMPDIR: temporary, HEED_BENCH_TEXT: '' };
    const { code, stderr } = await interrupted(args, /^char-gpt: round 1 /m, env, () => {
      during = made();
    });
    expect(during, stderr).toHaveLength(1);
    expect(code).toBe(130);
    expect(made()).toEqual([]);
  });
});
