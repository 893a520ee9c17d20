/** Every way of decoding on the command line, and training on what a teacher said. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectMistake, heed, jsonLines, linesOf } from '../support/heed-binary.ts';
import { removeProject, tinyYaml, trainedProject } from '../support/tiny-project.ts';

let cwd: string;
beforeAll(async () => {
  cwd = await trainedProject();
  // One that drafts badly, and one with heads for later tokens.
  for (const [name, setting] of [
    ['worse', 'training.maxSteps=6'],
    ['heads', 'model.blockwise=3'],
  ]) {
    const { code, stderr } = await heed(['train', 'tiny.yaml', '--out', name!, '--set', setting!], { cwd });
    expect(code, stderr).toBe(0);
  }
}, 120_000);
afterAll(() => removeProject(cwd));

const model = 'runs/reverse';
const run = (command: string, args: readonly string[], input = '') =>
  heed([command, ...args], { cwd, input });

async function translated(args: readonly string[], input: string, by = model): Promise<string[]> {
  const { code, stdout, stderr } = await run('translate', [by, ...args], input);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return linesOf(stdout);
}

const refused = async (...args: string[]): Promise<string> =>
  expectMistake(await run('translate', [model, ...args], 'abc\n'));

const words = 'abc\nfed\nhgab\n\nca\n';

describe('--sample', () => {
  it('draws the same texts from the same seed, however the lines come in, and others from another', async () => {
    const args = ['--sample', '--temperature', '1.5', '--seed', '4'];
    const all = await translated(args, words);
    expect(all).toHaveLength(5);
    expect(all[3]).toBe('');
    expect(await translated([...args, '--batch', '1'], words)).toEqual(all);
    expect(await translated(['--sample', '--temperature', '1.5', '--seed', '5'], words)).not.toEqual(all);
  });

  it('at temperature 0, or from one token only, is greedy', async () => {
    const greedy = await translated([], words);
    expect(await translated(['--sample', '--temperature', '0'], words)).toEqual(greedy);
    expect(await translated(['--sample', '--top-k', '1'], words)).toEqual(greedy);
  });

  it('draws several times, without a beam', async () => {
    const { stdout } = await run('translate', [model, '--sample', '--n-best', '4', '--json'], 'abc\n');
    const [{ nBest, text }] = jsonLines(stdout) as unknown as [{ nBest: { text: string }[]; text: string }];
    expect(nBest).toHaveLength(4);
    expect(nBest[0]!.text).toBe(text);
  });

  it.each([
    [['--temperature', '-1'], /^--temperature: expected a number of at least 0, got "-1"$/],
    [['--top-k', '0'], /^--top-k: expected a whole number of at least 1, got "0"$/],
    [['--top-p', '1.5'], /^--top-p: expected a number above 0 and at most 1, got "1.5"$/],
    [['--min-p', 'x'], /^--min-p: expected a number of at least 0 and at most 1, got "x"$/],
    [['--repetition-penalty', '0'], /^--repetition-penalty: expected a number above 0, got "0"$/],
    [['--presence-penalty', ''], /^--presence-penalty: expected a number, got ""$/],
    [['--seed', '1.5'], /^--seed: expected a whole number of at least 0, got "1.5"$/],
    [['--beam-size', '4'], /^--beam-size: expected none beside --sample, got 4; hint: leave one/],
  ])('refuses %j', async (args, message) => {
    expect(await refused('--sample', ...args)).toMatch(message);
  });

  it('is needed by its options', async () => {
    expect(await refused('--top-p', '0.9')).toBe(
      '--top-p: expected --sample beside it, got none; hint: without --sample nothing is drawn',
    );
  });
});

describe('guessing (K7)', () => {
  it('with Jacobi or a worse model that drafts changes no line', async () => {
    const sources = readFileSync(join(cwd, 'sources.txt'), 'utf8') + words;
    const greedy = await translated([], sources);
    expect(await translated([], sources, 'worse'), 'the draft alone').not.toEqual(greedy);
    expect(await translated(['--jacobi', '4'], sources)).toEqual(greedy);
    for (const count of ['1', '3'])
      expect(await translated(['--draft', 'worse', '--draft-tokens', count], sources)).toEqual(greedy);
  });

  it('with heads for later tokens changes no line of the model that was trained with them', async () => {
    const sources = readFileSync(join(cwd, 'sources.txt'), 'utf8') + words;
    const { config } = JSON.parse((await run('inspect', ['heads', '--json'])).stdout) as { config: object };
    expect(config).toMatchObject({ blockwise: 3 });
    const greedy = await translated([], sources, 'heads');
    expect(new Set(greedy).size).toBeGreaterThan(5);
    expect(await translated(['--blockwise'], sources, 'heads')).toEqual(greedy);
  });

  it('refuses what does not go together', async () => {
    expect(await refused('--jacobi', '0')).toBe('--jacobi: expected a whole number of at least 1, got "0"');
    expect(await refused('--draft-tokens', '2')).toMatch(/^--draft-tokens: expected --draft beside it/);
    expect(await refused('--jacobi', '2', '--draft', model)).toMatch(
      /^--jacobi: expected none beside --draft/,
    );
    expect(await refused('--jacobi', '2', '--beam-size', '3')).toMatch(
      /^beamSize: expected 1 with `parallel`, got 3/,
    );
    expect(await refused('--blockwise')).toMatch(
      /^parallel: expected a model with heads for later tokens for blockwise decoding, got one without/,
    );
    expect(await refused('--blockwise', '--jacobi', '2')).toMatch(
      /^--blockwise: expected none beside --jacobi/,
    );
    expect(await refused('--draft', 'nowhere')).toMatch(/nowhere/);
  });
});

describe('a student that writes all tokens at once (J16)', () => {
  const student = tinyYaml
    .replace('{ format: tsv, path: train.tsv }', '{ format: jsonl, path: distilled.jsonl }')
    .replace(
      /model: .*/,
      'model: { kind: nat, dModel: 16, dFf: 32, numHeads: 2, numEncoderLayers: 1, numDecoderLayers: 1, dropout: 0, maxSeqLen: 16 }',
    )
    .replace('name: reverse', 'name: student');

  it('learns from what its teacher says of the training data', async () => {
    const { code, stderr } = await run('distill', [model, '--output', 'distilled.jsonl', '--beam-size', '2']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '80 sources translated to distilled.jsonl\n' });
    const pairs = jsonLines(readFileSync(join(cwd, 'distilled.jsonl'), 'utf8')) as {
      source: string;
      target: string;
    }[];
    expect(pairs.length).toBeGreaterThan(40);
    const said = await translated(['--beam-size', '2'], pairs.map(({ source }) => `${source}\n`).join(''));
    expect(pairs.map(({ target }) => target)).toEqual(said);
    writeFileSync(join(cwd, 'student.yaml'), student);
    const trained = await run('train', ['student.yaml']);
    expect(trained.code, trained.stderr).toBe(0);
    const again = await heed(['translate', 'runs/student', '--beam-size', '3', '--n-best', '2'], {
      cwd,
      input: words,
    });
    expect(again.code, again.stderr).toBe(0);
    expect(linesOf(again.stdout)).toHaveLength(5);
  });

  it('is told what it cannot do', async () => {
    expect(existsSync(join(cwd, 'runs/student/model'))).toBe(true);
    const sampled = await heed(['translate', 'runs/student', '--sample'], { cwd, input: 'abc\n' });
    expect(expectMistake(sampled)).toMatch(
      /^sample: expected none with a model that writes all tokens at once/,
    );
    const file = 'mixed.yaml';
    writeFileSync(
      join(cwd, file),
      student.replace('training: {', 'training: { scheduledSampling: { to: 0.5 }, reinforce: { weight: 2 },'),
    );
    const message = expectMistake(await run('train', [file, '--out', 'x']));
    expect(message).toContain('training.reinforce.weight: expected at most 1, got 2');
    const other = expectMistake(
      await run('train', [file, '--out', 'x', '--set', 'training.reinforce.weight=0.5']),
    );
    for (const field of ['scheduledSampling', 'reinforce'])
      expect(other).toContain(
        `training.${field}: expected a model that writes one token after the other, got kind "nat"`,
      );
  });

  it('needs to know what the teacher was trained on', async () => {
    expect(expectMistake(await run('distill', [`${model}/model`, '--output', 'x.jsonl']))).toMatch(
      /there is no experiment.json, which says what it was trained on; hint: .*--input$/,
    );
  });
});

it('trains with its own guesses and on drawn texts', async () => {
  const fields =
    'scheduledSampling: { schedule: exponential, to: 0.3 }, reinforce: { weight: 0.3 }, precision: fp32,';
  writeFileSync(
    join(cwd, 'beyond.yaml'),
    tinyYaml.replace('training: {', `training: { ${fields}`).replace('maxSteps: 30', 'maxSteps: 4'),
  );
  const { code, stderr } = await run('train', ['beyond.yaml', '--out', 'runs/beyond']);
  expect(code, stderr).toBe(0);
  expect(existsSync(join(cwd, 'runs/beyond/model'))).toBe(true);
});
