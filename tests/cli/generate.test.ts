/** `heed generate`: texts of a trained language model from the command line. */
import '../../src/backends/register.ts';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { trainExperiment } from '../../src/train/run.ts';
import { expectMistake, heed, jsonLines, shell } from '../support/heed-binary.ts';
import { removeProject, trainedProject } from '../support/tiny-project.ts';
import { textExperiment, textModels, writeText } from '../support/tiny-text-run.ts';

let cwd: string;
beforeAll(async () => {
  cwd = await trainedProject();
  const text = writeText(cwd, 1);
  for (const [kind, model] of Object.entries(textModels)) {
    const experiment = textExperiment(text, model, { training: { maxSteps: 12 } });
    await trainExperiment(experiment, { folder: join(cwd, kind) });
  }
  const drafts = {
    worse: textExperiment(text, textModels.gpt, { training: { maxSteps: 2, seed: 7 } }),
    short: textExperiment(text, { ...textModels.gpt, maxSeqLen: 12 }, { training: { maxSteps: 2 } }),
    other: textExperiment(writeText(join(cwd, 'more'), 1, 'ABCDEFGH'), textModels.gpt, {
      training: { maxSteps: 2 },
    }),
  };
  for (const [name, experiment] of Object.entries(drafts))
    await trainExperiment(experiment, { folder: join(cwd, name) });
}, 300_000);
afterAll(() => removeProject(cwd));

async function generated(args: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await heed(['generate', ...args], { cwd, input });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

const refused = async (...args: string[]): Promise<string> =>
  expectMistake(await heed(['generate', ...args], { cwd, input: 'abc\n' }));

describe('heed generate', () => {
  it.each(Object.keys(textModels))('continues a prompt and lines with a %s', async (kind) => {
    const one = await generated([kind, '--prompt', 'abc', '--max-tokens', '8']);
    expect(one).toMatch(/^abc[a-h\n]{8}\n$/);
    const lines = await generated([kind, '--max-tokens', '8', '--json'], 'abc\n\nfed\n');
    const found = jsonLines(lines);
    expect(found.map(({ prompt }) => prompt)).toEqual(['abc', '', 'fed']);
    expect(found[0]).toMatchObject({ prompt: 'abc', text: one.slice(3, -1), logProb: expect.any(Number) });
    expect((found[0]!.tokens as string[]).join('')).toBe(found[0]!.text);
  });

  it('draws the same texts from the same seed, however the prompts come in', async () => {
    const args = [
      'transformer-xl',
      '--sample',
      '--temperature',
      '1.5',
      '--seed',
      '4',
      '--count',
      '2',
      '--json',
    ];
    const all = await generated([...args, '--max-tokens', '30'], 'abc\nfed\n');
    expect(new Set(jsonLines(all).map(({ text }) => text)).size).toBe(4);
    writeFileSync(join(cwd, 'prompts.txt'), 'abc\nfed\n');
    const files = ['--input', 'prompts.txt', '--output', 'texts.jsonl', '--max-tokens', '30'];
    expect(await generated([...args, ...files])).toBe('');
    expect(readFileSync(join(cwd, 'texts.jsonl'), 'utf8')).toBe(all);
    expect(await generated([...args.with(5, '5'), '--max-tokens', '30'], 'abc\nfed\n')).not.toBe(all);
  });

  it('lets texts grow beyond the table when it may slide', async () => {
    const long = await generated(['gpt', '--prompt', 'abc', '--max-tokens', '50', '--slide', '--json']);
    expect(jsonLines(long)[0]!.tokens).toHaveLength(50);
  });

  it('names the line of a prompt that is too long, after the texts before it', async () => {
    const { code, stdout, stderr } = await heed(['generate', 'gpt', '--json'], {
      cwd,
      input: 'abc\nabcdefgh\nabcdefghabcdefgh\nabc\n',
    });
    const refusal = 'expected prompt and new tokens of at most 16 (maxSeqLen), got 16 and 1; hint: shorten';
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining(`heed: standard input:3: ${refusal}`),
    });
    // Each text takes the room that its own prompt leaves.
    expect(jsonLines(stdout).map(({ tokens }) => (tokens as string[]).length)).toEqual([13, 8]);
  });

  it('says how much the texts repeat', async () => {
    const args = ['conv-lm', '--prompt', 'abc', '--sample', '--seed', '1', '--count', '3', '--diagnose'];
    const { code, stderr } = await heed(['generate', ...args], { cwd });
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^distinct-1 [\d.]+ % · distinct-2 [\d.]+ % · distinct-3 [\d.]+ % · repeat-rate [\d.]+ % · self-bleu [\d.]+ %\n$/,
    );
  });

  it('writes the same texts to a terminal, token by token', async (context) => {
    const probe = await shell('script --version', { cwd });
    if (probe.code !== 0) context.skip('no `script` command here');
    const args = ['conv-lm', '--sample', '--seed', '3', '--count', '2', '--max-tokens', '30'];
    const whole = await generated([...args, '--prompt', 'abc']);
    const line = `script -qec "heed generate ${args.join(' ')} --prompt abc" /dev/null < /dev/null`;
    const seen = await shell(`export -f heed; SHELL=/bin/bash ${line}`, { cwd });
    expect(seen.stdout.replaceAll('\r', '')).toBe(whole);
  });

  it.each(['gpt', 'segment-lm', 'transformer-xl'])('guessing changes no text of a %s (K7)', async (kind) => {
    const prompts = 'abc\nfed\n\nhgab\nabcdefgh\ncc\n';
    const all = ['--json', '--max-tokens', '8'];
    const greedy = await generated([kind, ...all], prompts);
    expect(new Set(jsonLines(greedy).map(({ text }) => text)).size).toBeGreaterThan(3);
    const same = async (...args: string[]): Promise<void> => {
      const rounded = (lines: string) =>
        jsonLines(lines).map((line) => ({ ...line, logProb: (line.logProb as number).toFixed(3) }));
      expect(rounded(await generated([kind, ...all, ...args], prompts))).toEqual(rounded(greedy));
    };
    await same('--jacobi', '3');
    await same('--draft', 'worse', '--draft-tokens', '2');
    const drafted = await generated(['worse', ...all], prompts);
    expect(jsonLines(drafted).map(({ text }) => text)).not.toEqual(jsonLines(greedy).map(({ text }) => text));
  });

  it('draws with a model that drafts, the same texts from the same seed (K7)', async () => {
    const args = ['gpt', '--draft', 'worse', '--sample', '--temperature', '1.5', '--json'];
    const drawn = (seed: string): Promise<string> => generated([...args, '--seed', seed], 'abc\nfed\nabc\n');
    const all = await drawn('4');
    expect(await drawn('4')).toBe(all);
    expect(await drawn('5')).not.toBe(all);
    const [first, , third] = jsonLines(all);
    expect(third!.text).not.toBe(first!.text);
  });

  it('writes guessed texts to a terminal as well (K7)', async (context) => {
    const probe = await shell('script --version', { cwd });
    if (probe.code !== 0) context.skip('no `script` command here');
    const args = ['gpt', '--prompt', 'abc', '--draft', 'worse'];
    const whole = await generated(args);
    const line = `script -qec "heed generate ${args.join(' ')}" /dev/null < /dev/null`;
    const seen = await shell(`export -f heed; SHELL=/bin/bash ${line}`, { cwd });
    expect(seen.stdout.replaceAll('\r', '')).toBe(whole);
  });

  it.each([
    [['--jacobi', '0'], /^--jacobi: expected a whole number of at least 1, got "0"$/],
    [['--draft-tokens', '2'], /^--draft-tokens: expected --draft beside it/],
    [['--jacobi', '2', '--draft', 'worse'], /^--jacobi: expected none beside --draft/],
    [['--jacobi', '2', '--beam-size', '3'], /^beamSize: expected 1 with `parallel`, got 3/],
    [['--jacobi', '2', '--slide'], /^slide: expected none with `parallel`, got true/],
    [['--jacobi', '2', '--sample'], /^sample: expected none with jacobi decoding, which is greedy/],
    [['--draft', 'worse', '--sample', '--count', '2'], /^--count: expected 1 beside --jacobi and --draft/],
    [['--draft', 'nowhere'], /^nowhere: there is no such folder/],
    [['--draft', 'runs/reverse'], /^model.kind: expected a language model, got kind "transformer"/],
    [
      ['--draft', 'other'],
      /^--draft: expected a model with the same vocabulary, got other, which has another/,
    ],
    [
      ['--draft', 'short'],
      /expected a model that takes 16 tokens, prompt and new ones, got one of at most 12 \(maxSeqLen\)/,
    ],
  ])('guessing with %j is refused', async (args, message) => {
    expect(await refused('gpt', ...args)).toMatch(message);
  });

  it('guessing needs a model that takes tokens back (K7)', async () => {
    expect(await refused('conv-lm', '--jacobi', '2')).toMatch(
      /this session takes one token at a time and none back; hint: use a model of self-attention/,
    );
  });

  it('takes several from a beam without sampling, the best first', async () => {
    const found = jsonLines(
      await generated(['gpt', '--prompt', 'a', '--count', '3', '--max-tokens', '5', '--json']),
    );
    const scores = found.map(({ logProb }) => logProb as number);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expect(new Set(found.map(({ text }) => text)).size).toBe(3);
  });

  it.each([
    [
      ['gpt', '--prompt', 'abcdefghabcdefgh', '--max-tokens', '4'],
      /^maxNewTokens: expected prompt and new tokens of at most 16 \(maxSeqLen\), got 16 and 4; hint: shorten/,
    ],
    [['gpt', '--prompt', 'abcdefghabcdefghabc'], /^maxNewTokens: .* got 19 and 1; hint: .*\(slide\)$/],
    [['gpt', '--prompt', 'a', '--max-tokens', '0'], /^--max-tokens: expected a whole number of at least 1/],
    [['gpt', '--prompt', 'a', '--input', 'text.txt'], /^--prompt: expected none beside --input, got both/],
    [['gpt', '--prompt', 'a', '--temperature', '2'], /^--temperature: expected --sample beside it/],
    [
      ['gpt', '--sample', '--beam-size', '3'],
      /^--beam-size: expected none beside --sample, got 3; hint: --count/,
    ],
    [['gpt', '--beam-size', '2', '--count', '3'], /^--count: expected at most --beam-size \(2\), got 3/],
    [['nope'], /^nope: there is no such folder/],
    [
      ['runs/reverse'],
      /^model.kind: expected a language model, got kind "transformer"; hint: such kinds are gpt, .*; this one is run by heed translate$/,
    ],
  ])('%j is one line', async (args, message) => {
    expect(await refused(...args)).toMatch(message);
  });

  it('is named to whoever translates with a language model', async () => {
    const answer = expectMistake(await heed(['translate', 'gpt'], { cwd, input: 'abc\n' }));
    expect(answer).toMatch(
      /^model.kind: expected an encoder–decoder model.*this one is run by heed generate$/,
    );
  });
});
