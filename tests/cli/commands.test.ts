/** evaluate, score, tokenizer, inspect, report; and every command without kernels. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectMistake, heed, jsonLines, linesOf, type Outcome } from '../support/heed-binary.ts';
import { removeProject, tinyProject, trainedProject } from '../support/tiny-project.ts';

let cwd: string;
beforeAll(async () => {
  cwd = await trainedProject();
});
afterAll(() => removeProject(cwd));

const run = (...args: string[]) => heed(args, { cwd });
const evaluation = [
  'evaluate',
  'runs/reverse',
  '--source',
  'sources.txt',
  '--target',
  'targets.txt',
  '--metrics',
];

function fine({ code, stdout, stderr }: Outcome): string {
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

describe('evaluate', () => {
  it('gives the scores of translate and score, and of the training that tested the same lines', async () => {
    fine(await run('translate', 'runs/reverse', '--input', 'sources.txt', '--output', 'out.txt'));
    const files = [
      '--hypothesis',
      'out.txt',
      '--reference',
      'targets.txt',
      '--metrics',
      'cer,exact-match,chrf',
    ];
    const scored = jsonLines(fine(await run('score', ...files, '--json')));
    const evaluated = jsonLines(fine(await run(...evaluation, 'cer,exact-match,chrf', '--json')));
    expect(evaluated.map(({ metric, score }) => [metric, score])).toEqual(
      scored.map(({ metric, score }) => [metric, score]),
    );
    expect(
      evaluated.every(({ examples, signature }) => examples === 10 && typeof signature === 'string'),
    ).toBe(true);
    const result = JSON.parse(readFileSync(join(cwd, 'runs/reverse/result.json'), 'utf8')) as {
      metrics: { cer: number };
    };
    expect(evaluated[0]!.score).toBe(result.metrics.cer);
  });

  it('takes several references and a beam', async () => {
    const single = jsonLines(fine(await run(...evaluation, 'cer', '--json', '--beam-size', '3')));
    const twice = jsonLines(
      fine(await run(...evaluation, 'cer', '--json', '--beam-size', '3', '--target', 'sources.txt')),
    );
    expect(twice[0]!.score as number).toBeLessThanOrEqual(single[0]!.score as number);
  });

  it('says how many sources were cut', async () => {
    writeFileSync(join(cwd, 'long.src'), `abc\n${'ab'.repeat(20)}\n`);
    writeFileSync(join(cwd, 'long.tgt'), 'cba\nba\n');
    const { code, stderr } = await run(
      'evaluate',
      'runs/reverse',
      '--source',
      'long.src',
      '--target',
      'long.tgt',
      '--metrics',
      'cer',
    );
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: 'note: 1 line was longer than the model takes and cut\n',
    });
  });

  it('refuses unknown metrics and files that do not fit', async () => {
    expect(expectMistake(await run(...evaluation, 'blue'))).toMatch(
      /^metrics: expected a metric, got "blue"; hint: did you mean "bleu"\?/,
    );
    expect(expectMistake(await run(...evaluation, 'bleu', '--source', 'train.tsv'))).toMatch(
      /^train.tsv:11: .*train.tsv has 80 lines, targets.txt has 10/,
    );
    expect(expectMistake(await run(...evaluation, 'bleu', '--beam-size', '0'))).toMatch(/^--beam-size: /);
  });
});

describe('score', () => {
  const files = ['score', '--hypothesis', 'sources.txt', '--reference', 'sources.txt'];

  it('gives 100 and 0 to a text against itself', async () => {
    const lines = jsonLines(
      fine(await run(...files, '--metrics', 'bleu,chrf,cer', '--tokenize', 'char', '--json')),
    );
    expect(lines.map(({ metric }) => metric)).toEqual(['bleu', 'chrf', 'cer']);
    expect(lines[1]!.score).toBeCloseTo(100, 9);
    expect(lines[2]!.score).toBe(0);
    const table = linesOf(fine(await run(...files, '--metrics', 'chrf')));
    expect(table[1]).toMatch(/^chrf +100\.00 {2}/);
  });

  it.each([
    [['--metrics', 'blue'], /^metrics: .*did you mean "bleu"/],
    [['--tokenize', 'x'], /^bleu: tokenize: unknown "x"; one of 13a/],
    [['--smooth-value', 'x'], /argument 'x' is invalid. expected a number; hint: heed score --help/],
    [['--metrics', 'cer', '--tokenize', 'char'], /^--tokenize: expected bleu among --metrics, got cer$/],
    [
      ['--reference', 'train.tsv'],
      /^train.tsv: expected 10 lines, as in sources.txt, got 80 lines; hint: line 11 of train.tsv/,
    ],
    [['--hypothesis', '.'], /^\.: is a folder, expected a file/],
    [['--hypothesis', 'nope'], /^nope: no such file/],
  ] as const)('%j', async (args, message) => {
    const base = args[0] === '--reference' ? files.slice(0, 3) : files;
    expect(expectMistake(await run(...base, ...args))).toMatch(message);
  });
});

describe('tokenizer', () => {
  it('learns, encodes and decodes', async () => {
    const { code, stdout } = await run(
      'tokenizer',
      'train',
      '--kind',
      'bpe',
      '--vocab-size',
      '24',
      '--input',
      'sources.txt',
      '--output',
      't.json',
      '--json',
    );
    expect(code).toBe(0);
    expect(jsonLines(stdout)).toMatchObject([{ output: 't.json', reached: 24 }]);
    const encoded = fine(await run('tokenizer', 'encode', 't.json', '--input', 'sources.txt'));
    const decoded = await heed(['tokenizer', 'decode', 't.json'], { cwd, input: encoded });
    expect(fine(decoded)).toBe(readFileSync(join(cwd, 'sources.txt'), 'utf8'));
    const [line] = jsonLines(
      fine(await heed(['tokenizer', 'encode', 't.json', '--json', '--eos'], { cwd, input: 'abc\n' })),
    );
    expect((line!.tokens as string[]).at(-1)).toBe('</s>');
    expect((line!.ids as number[]).length).toBe((line!.offsets as unknown[]).length);
  });

  it.each([
    [
      ['train', '--kind', 'chr', '--input', 'sources.txt', '--output', 'x.json'],
      /--kind: unknown kind "chr", did you mean "char"/,
    ],
    [
      ['train', '--kind', 'bpe', '--input', 'sources.txt', '--output', 'x.json'],
      /--vocab-size: give --vocab-size or --num-merges/,
    ],
    [
      ['train', '--kind', 'bpe', '--vocab-size', '3', '--input', 'sources.txt', '--output', 'x.json'],
      /--vocab-size: expected a whole number of at least 5, got 3/,
    ],
    [['train', '--kind', 'char', '--input', '.', '--output', 'x.json'], /^\.: is a folder, expected a file/],
    [['encode', 'tiny.yaml'], /^tiny.yaml: expected a tokenizer as JSON/],
    [['encode', '.'], /^\.: is a folder, expected a file/],
    [['encode', 'nope.json'], /^nope.json: no such file/],
    [['encode', 'runs/reverse/result.json'], /result.json: expected format "heed-tokenizer", got nothing/],
  ] as const)('%j', async (args, message) => {
    expect(expectMistake(await run('tokenizer', ...args))).toMatch(message);
    expect(existsSync(join(cwd, 'x.json'))).toBe(false);
  });
});

describe('inspect', () => {
  it('shows every module, and numbers that add up', async () => {
    const facts = JSON.parse(fine(await run('inspect', 'runs/reverse', '--depth', '9', '--json'))) as {
      parameters: number;
      bytes: number;
      parts: { path: string; kind: string; parameters: number; shape?: number[] }[];
      training: unknown;
    };
    const own = facts.parts.filter(({ kind }) => kind === 'parameter');
    expect(own.reduce((total, { parameters }) => total + parameters, 0)).toBe(facts.parameters);
    for (const { parameters, shape } of own) expect(shape!.reduce((a, b) => a * b, 1)).toBe(parameters);
    expect([4, 8], 'float32 or float64').toContain(facts.bytes / facts.parameters);
    const text = fine(await run('inspect', 'runs/reverse'));
    expect(text).toMatch(
      /^runs\/reverse\/model: transformer, [\d,]+ parameters, \d+\.\d KiB, written by heed /,
    );
    expect(text).toMatch(/^ {2}encoder +Encoder/m);
    expect(text).toMatch(/^ {4}layers\.0 +EncoderLayer/m);
    expect(text).toMatch(/^ {6}selfAttention +MultiHeadAttention/m);
    expect(linesOf(fine(await run('inspect', 'runs/reverse', '--depth', '0'))).at(-1)).toMatch(
      /^\(model\) +Transformer/,
    );
  });

  it.each(['x', '-1', '1.5'])('--depth %s', async (depth) => {
    expect(expectMistake(await run('inspect', 'runs/reverse', '--depth', depth))).toMatch(
      /^--depth: expected a whole number of at least 0/,
    );
  });
});

describe('report', () => {
  it('writes the page and prints its path', async () => {
    expect(fine(await run('report', 'runs/reverse'))).toBe('runs/reverse/report.html\n');
    expect(readFileSync(join(cwd, 'runs/reverse/report.html'), 'utf8')).toMatch(
      /^<!doctype html>[\s\S]*reverse/i,
    );
  });

  it.each([
    ['nope', /^report: expected the folder of a run, got nope, which does not exist/],
    ['tiny.yaml', /^report: expected the folder of a run, got tiny.yaml, which is a file/],
    ['.', /^metrics.jsonl: expected the rows that training writes, got no such file/],
  ])('%s', async (folder, message) => {
    expect(expectMistake(await run('report', folder))).toMatch(message);
  });
});

describe('without kernels', () => {
  const env = { HEED_NATIVE: 'off' };
  const slow =
    /^note: no native kernels \(switched off by HEED_NATIVE=off\): using the wasm backend, on one thread and several times slower$/;

  it('every command works, and says so where speed matters', async () => {
    const folder = tinyProject();
    const off = (args: string[], input = '') => heed(args, { cwd: folder, env, input });
    try {
      const trained = await off(['train', 'tiny.yaml']);
      expect(trained.code, trained.stderr).toBe(0);
      expect(linesOf(trained.stderr)[0]).toMatch(slow);
      expect(trained.stderr).toMatch(
        /wasm \(float32 C kernels in WebAssembly, (relaxed )?SIMD\), 1 thread\n/,
      );
      for (const args of [
        ['translate', 'runs/reverse'],
        [
          'evaluate',
          'runs/reverse',
          '--source',
          'sources.txt',
          '--target',
          'targets.txt',
          '--metrics',
          'cer',
        ],
      ]) {
        const { code, stdout, stderr } = await off(args, 'abc\n');
        expect(code, stderr).toBe(0);
        expect(linesOf(stdout)).toHaveLength(1);
        expect(linesOf(stderr)).toEqual([expect.stringMatching(slow)]);
      }
      const quiet = await off(['translate', 'runs/reverse', '--device', 'reference'], 'abc\n');
      expect(quiet).toMatchObject({ code: 0, stderr: '' });
      for (const args of [
        ['inspect', 'runs/reverse'],
        ['report', 'runs/reverse'],
        ['score', '--hypothesis', 'sources.txt', '--reference', 'targets.txt'],
        ['tokenizer', 'train', '--kind', 'char', '--input', 'sources.txt', '--output', 't.json', '--json'],
        ['tokenizer', 'encode', 't.json', '--input', 'sources.txt'],
      ]) {
        expect(fine(await off(args))).not.toBe('');
      }
      expect(expectMistake(await off(['translate', 'runs/reverse', '--device', 'native'], 'abc\n'))).toMatch(
        /^device native: not available: switched off by HEED_NATIVE=off; hint: leave the device out/,
      );
    } finally {
      removeProject(folder);
    }
  });

  it('translates as with kernels', async () => {
    const args = ['translate', 'runs/reverse', '--input', 'sources.txt', '--beam-size', '3'];
    const expected = fine(await run(...args));
    expect((await heed(args, { cwd, env })).stdout).toBe(expected);
    const neither = await heed(args, { cwd, env: { ...env, HEED_WASM: 'off' } });
    expect(neither.stdout).toBe(expected);
    expect(linesOf(neither.stderr)).toEqual([
      'note: no native kernels (switched off by HEED_NATIVE=off) nor wasm ones (switched off by HEED_WASM=off): the reference backend is about 100 times slower',
    ]);
    expect(expectMistake(await heed(args, { cwd, env: { ...env, HEED_WASM: 'plane' } }))).toBe(
      'HEED_WASM: expected a known setting, got "plane"; hint: did you mean "plain"? one of off, plain',
    );
  });
});
