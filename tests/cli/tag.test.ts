/** `heed tag`, and `heed evaluate` for taggers and language models. */
import '../../src/backends/register.ts';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { validateExperiment } from '../../src/train/config/validate.ts';
import { trainExperiment } from '../../src/train/run.ts';
import { expectMistake, heed, jsonLines, linesOf } from '../support/heed-binary.ts';
import { taggingDescription, writeTagged } from '../support/tagged-sentences.ts';
import { removeProject, tinyProject } from '../support/tiny-project.ts';
import { testScores } from '../support/tiny-run.ts';
import { textExperiment, textModels, writeText } from '../support/tiny-text-run.ts';

let cwd: string;
beforeAll(async () => {
  cwd = tinyProject();
  writeTagged(cwd);
  await trainExperiment(validateExperiment(taggingDescription(cwd)), { folder: join(cwd, 'tagger') });
  const data = { path: undefined, split: undefined, train: writeText(cwd, 1), test: join(cwd, 'text.txt') };
  const experiment = textExperiment('', textModels.gpt, { data, training: { maxSteps: 5 } });
  await trainExperiment(experiment, { folder: join(cwd, 'gpt') });
}, 300_000);
afterAll(() => removeProject(cwd));

const run = (args: readonly string[], input = '') => heed(args, { cwd, input });

describe('heed tag', () => {
  it('writes token/tag, a line for each line, however they are separated', async () => {
    const { code, stdout, stderr } = await run(['tag', 'tagger'], 'mr w1 w2 said\n\n  in\tw3 .\n');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe('mr/O w1/B-PER w2/E-PER said/O\n\nin/O w3/S-LOC ./O\n');
  });

  it('gives spans in JSON, and takes characters', async () => {
    const { stdout } = await run(['tag', 'tagger', '--json'], 'mr w1 w2 said\n');
    expect(jsonLines(stdout)[0]).toEqual({
      tokens: ['mr', 'w1', 'w2', 'said'],
      tags: ['O', 'B-PER', 'E-PER', 'O'],
      spans: [{ type: 'PER', start: 1, end: 3, text: 'w1 w2' }],
    });
    const characters = await run(['tag', 'tagger', '--characters', '--json'], 'a b\u{1F600}\n');
    expect(jsonLines(characters.stdout)[0]!.tokens).toEqual(['a', 'b', '\u{1F600}']);
  });

  it('names the command of a model of another kind, and is named to others', async () => {
    expect(expectMistake(await run(['tag', 'gpt'], 'a\n'))).toMatch(
      /^model.kind: expected a model that tags, got kind "gpt"; .* this one is run by heed generate$/,
    );
    expect(expectMistake(await run(['generate', 'tagger'], 'a\n'))).toMatch(/this one is run by heed tag$/);
  });
});

describe('heed evaluate', () => {
  it('gives the scores of the training that tested the same sentences', async () => {
    const { code, stdout, stderr } = await run(['evaluate', 'tagger', '--conll', 'test.conll', '--json']);
    expect(code, stderr).toBe(0);
    const found = Object.fromEntries(jsonLines(stdout).map(({ metric, score }) => [metric, score as number]));
    const wanted = testScores(join(cwd, 'tagger')) as Record<string, number>;
    expect(Object.keys(found)).toEqual(Object.keys(wanted));
    for (const [name, value] of Object.entries(wanted)) expect(found[name], name).toBeCloseTo(value, 4);
  });

  it('gives those of a running text, as training had them', async () => {
    const args = ['evaluate', 'gpt', '--text', 'text.txt', '--segment-length', '12'];
    const { code, stdout, stderr } = await run([...args, '--json']);
    expect(code, stderr).toBe(0);
    const wanted = testScores(join(cwd, 'gpt')) as Record<string, number>;
    for (const { metric, score } of jsonLines(stdout))
      expect(score, String(metric)).toBeCloseTo(wanted[metric as string]!, 4);
    expect(linesOf((await run(args)).stdout)[0]).toMatch(/^loss \d\.\d{3}$/);
  });

  it.each([
    [['evaluate', 'tagger'], /^evaluate: expected one of --source .*, --conll and --text, got none/],
    [['evaluate', 'tagger', '--conll', 'a', '--text', 'b'], /got --conll and --text/],
    [['evaluate', 'tagger', '--conll', 'sources.txt'], /^sources.txt:1: expected at least 2 columns, got 1/],
    [['evaluate', 'gpt', '--conll', 'test.conll'], /^model.kind: .*this one is run by heed generate/],
    [
      ['evaluate', 'gpt', '--text', 'text.txt', '--segment-length', '17'],
      /^--segment-length: expected at most 16/,
    ],
    [
      ['evaluate', 'gpt', '--text', 'text.txt', '--stride', '17'],
      /^stride: expected a whole number from 1 to/,
    ],
  ])('%j is one line', async (args, message) => {
    expect(expectMistake(await run(args))).toMatch(message);
  });
});
