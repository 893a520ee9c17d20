/** Every example runs against the built package, as a stranger's program would, and shows something true. */
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { whyUnavailable } from '../src/index.ts';
import { builtPackage, filesBelow, root } from './support/built-package.ts';
import { heed, jsonLines, linesOf, outcomeOf } from './support/heed-binary.ts';
import { read } from './support/source-files.ts';
import { removeProject, trainedProject } from './support/tiny-project.ts';

const names = filesBelow(join(root, 'examples')).filter((name) => name.endsWith('.ts'));
let place: string;
beforeAll(() => {
  // Inside the package, so that `heed` means the package itself.
  place = join(builtPackage(), `examples-${process.pid}`);
  mkdirSync(place, { recursive: true });
  for (const name of names) {
    const options = { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext };
    const { outputText } = ts.transpileModule(read(`examples/${name}`), { compilerOptions: options });
    writeFileSync(join(place, name.replace(/\.ts$/, '.mjs')), outputText);
  }
});
afterAll(() => rmSync(place, { recursive: true, force: true }));

async function run(number: string, args: readonly string[] = [], cwd = place): Promise<string[]> {
  const name = names.find((file) => file.startsWith(number))!;
  const outcome = await outcomeOf(
    spawn(process.execPath, [join(place, name.replace(/\.ts$/, '.mjs')), ...args], { cwd }),
  );
  expect({ code: outcome.code, stderr: outcome.stderr }).toEqual({ code: 0, stderr: '' });
  return linesOf(outcome.stdout);
}

describe('the files', () => {
  it.each(names)('%s is short and imports only heed', (name) => {
    const text = read(`examples/${name}`);
    expect(text.split('\n').length).toBeLessThan(80);
    const targets = [...text.matchAll(/ from '([^']+)'/g)].map(([, target]) => target);
    expect(new Set(targets)).toEqual(new Set(['heed']));
    expect(read('examples/README.md')).toContain(`](${name})`);
  });

  it('the first one trains in fewer than 30 lines of code', () => {
    const code = read('examples/01-train-from-code.ts')
      .split('\n')
      .filter(
        (line) => line.trim() !== '' && !/^\s*(\/\*\*|\/\/)/.test(line) && !/^(import|\} from)/.test(line),
      );
    const own = code.slice(code.findIndex((line) => line.startsWith('const')));
    expect(own.length).toBeLessThan(30);
  });
});

it('01 learns to turn digits round', async (context) => {
  const why = whyUnavailable('native');
  if (why) context.skip(`minutes without kernels: ${why}`);
  const lines = await run('01');
  const losses = lines.flatMap((line) => /loss ([\d.]+)/.exec(line)?.[1] ?? []).map(Number);
  expect(losses).toHaveLength(6);
  expect(losses.at(-1)!).toBeLessThan(0.1);
  const pairs = lines
    .filter((line) => line.includes('->'))
    .map((line) => line.split(' -> ') as [string, string]);
  expect(pairs).toHaveLength(5);
  for (const [source, target] of pairs) expect(target).toBe([...source].reverse().join(''));
});

describe('with a trained model', () => {
  let cwd: string;
  beforeAll(async () => {
    cwd = await trainedProject();
  });
  afterAll(() => removeProject(cwd));

  it('02 gives the answers of the command line, with their probabilities', async () => {
    const lines = await run('02', ['runs/reverse', 'abc', 'fe'], cwd);
    const args = ['translate', 'runs/reverse', '--beam-size', '4', '--n-best', '3', '--json'];
    const expected = jsonLines((await heed(args, { cwd, input: 'abc\nfe\n' })).stdout).flatMap(
      ({ source, nBest }) => [
        source,
        ...(nBest as { text: string; logProb: number }[]).map(
          ({ text, logProb }) => `  ${(100 * Math.exp(logProb)).toFixed(1).padStart(5)} %  ${text}`,
        ),
      ],
    );
    expect(lines).toEqual(expected);
  });

  it('03 draws the weights that the command line prints', async () => {
    const lines = (await run('03', ['runs/reverse', 'abcd'], cwd)).filter((line) => line !== '');
    const args = ['translate', 'runs/reverse', '--json', '--alignments'];
    const [answer] = jsonLines((await heed(args, { cwd, input: 'abcd\n' })).stdout);
    const { weights, targetTokens } = answer!.alignment as { weights: number[][]; targetTokens: string[] };
    expect(lines[0]).toBe('decoder.layers.0.crossAttention.weights: 2 heads, mean of them');
    expect(lines[1]!.trim()).toBe('a b c d <');
    const rows = lines.slice(2);
    expect(rows.map((row) => row.slice(0, 8).trim())).toEqual(targetTokens);
    rows.forEach((row, t) => {
      const shades = weights[t]!.map((weight) => ' ░▒▓█'[Math.min(4, Math.floor(5 * weight))]).join(' ');
      expect(row.slice(9, 18)).toBe(shades);
      expect(row).toContain(`(${weights[t]!.indexOf(Math.max(...weights[t]!)) + 1})`);
    });
  });
});

it('04 has the values and the gradient of softplus', async () => {
  const rows = (await run('04')).slice(2).map((line) => line.trim().split(/ +/).map(Number));
  expect(rows.map(([x]) => x)).toEqual([-2, -0.5, 0, 0.5, 2]);
  for (const [x, value, gradient, difference] of rows as [number, number, number, number][]) {
    expect(value).toBeCloseTo(Math.log1p(Math.exp(3 * x)) / 3, 4);
    expect(gradient).toBeCloseTo(1 / (1 + Math.exp(-3 * x)), 4);
    expect(difference).toBeCloseTo(gradient, 4);
  }
});

it('05 takes a word apart and puts it together again', async () => {
  const said = Object.fromEntries(
    (await run('05')).flatMap((line) => (line.includes(' -> ') ? [line.split(' -> ')] : [])),
  ) as Record<string, string>;
  const pieces = said['The narrowest']!.split(' | ');
  expect(pieces.length).toBeGreaterThan(2);
  expect(pieces.length).toBeLessThan('The narrowest'.length);
  expect(pieces.join('').replaceAll('</w>', ' ').trim()).toBe('the narrowest');
  expect(said.back).toBe('the narrowest');
  expect(said['taken from']!.split(' | ').join('')).toBe('Thenarrowest');
  expect(await run('05')).toContain('same after saving: true');
});

it('06 prints the scores that the library computes', async () => {
  const [a, b, verdict] = await run('06');
  // sacreBLEU's definition on these sentences, by hand for WER of B: 3 substitutions in 6 + 8 + 7 + 9 words.
  expect(b).toMatch(/WER 10\.00 %$/);
  const [, scoreA] = /BLEU ([\d.]+)/.exec(a!)!;
  const [, scoreB] = /BLEU ([\d.]+)/.exec(b!)!;
  const [, difference] = /B is ([\d.]+) BLEU better/.exec(verdict!)!;
  expect(Number(scoreB) - Number(scoreA)).toBeCloseTo(Number(difference), 1);
  expect(Number(scoreB)).toBeGreaterThan(Number(scoreA));
});

it('07 finds rare events once its threshold is tuned (J14)', async (context) => {
  const why = whyUnavailable('native');
  if (why) context.skip(`slow without kernels: ${why}`);
  const lines = await run('07');
  const [half, tuned, validation] = lines.map((line) => Number(/F1 ([\d.]+)/.exec(line)![1]));
  const threshold = Number(/threshold ([\d.]+) tuned/.exec(lines[1]!)![1]);
  // Whoever knows the probabilities says yes at 0.35 and no at 0.02: a quarter of the digits, 35 of 100 of them right.
  const [shown, right, events] = [1 / 4, 0.35 / 4, 0.35 / 4 + 0.02 * (3 / 4)];
  const best = (200 * right) / (shown + events); // 49.6
  expect(half).toBeLessThan(15);
  expect(Math.abs(tuned! - best)).toBeLessThan(10);
  expect(Math.abs(validation! - best)).toBeLessThan(10);
  expect(threshold).toBeGreaterThan(0.02);
  expect(threshold).toBeLessThan(0.4);
});

it('08 sees what stands anywhere in a long text, and not by its beginning (L3)', async (context) => {
  const why = whyUnavailable('native');
  if (why) context.skip(`minutes without kernels: ${why}`);
  const [segments, beginning] = (await run('08')).map((line) => Number(/: ([\d.]+) %/.exec(line)![1]));
  expect(segments).toBeGreaterThan(90);
  // A fifth of the texts say their class there; of the others a quarter is right by chance: 40 %, ± 4 deviations.
  expect(Math.abs(beginning! - 40)).toBeLessThan(4 * 3.5);
});
