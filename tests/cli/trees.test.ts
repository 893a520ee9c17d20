/** `heed` with a model that looks at dependency trees: CoNLL-U in, lines out. */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectMistake, heed, linesOf } from '../support/heed-binary.ts';
import { permanentFolder } from '../support/tiny-run.ts';
import { treeExamples, treeExperiment, writeTreeExamples } from '../support/tree-sentences.ts';

const { folder: cwd, remove } = permanentFolder();
afterAll(remove);

beforeAll(async () => {
  writeTreeExamples(cwd, 'train', treeExamples(40, 1));
  writeTreeExamples(cwd, 'test', treeExamples(7, 2));
  const model = { numEncoderLayers: 1, dModel: 16, dFf: 16, encoderAttention: 'graph' };
  writeFileSync(join(cwd, 'heads.json'), JSON.stringify(treeExperiment('.', model, { maxSteps: 8 })));
  const { code, stderr } = await heed(['train', 'heads.json', '--out', 'run'], { cwd });
  expect(code, stderr).toBe(0);
});

it('translates a file and standard input alike, a line for each sentence', async () => {
  const input = readFileSync(join(cwd, 'test.conllu'), 'utf8');
  const file = await heed(['translate', 'run', '--input', 'test.conllu'], { cwd });
  const piped = await heed(['translate', 'run', '--batch', '2', '--beam-size', '1'], { cwd, input });
  expect(file.code, file.stderr).toBe(0);
  expect(linesOf(file.stdout)).toHaveLength(7);
  expect(piped.stdout).toBe(file.stdout);
});

it('evaluates sentences with their lines', async () => {
  const args = ['evaluate', 'run', '--source', 'test.conllu', '--target', 'test.txt', '--metrics', 'wer'];
  const { code, stdout, stderr } = await heed(args, { cwd });
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^WER \d/);
});

it('says of plain text, of a circle and of files that do not match what is wrong and where', async () => {
  const translate = (input: string) => heed(['translate', 'run'], { cwd, input });
  expect(expectMistake(await translate('ape bee\n'))).toBe(
    'standard input:1: expected 10 columns, got 1; hint: a word has ten columns separated by tabs; HEAD, the seventh, makes a tree',
  );
  const row = (id: number, head: number): string => `${id}\tape\t_\t_\t_\t_\t${head}\tdep\t_\t_\n`;
  const circle = `${row(1, 0)}${row(2, 3)}${row(3, 2)}\n`;
  expect(expectMistake(await translate(circle))).toMatch(
    /^standard input:2: expected a tree, got a circle of heads above word 2; hint: /,
  );
  appendFileSync(join(cwd, 'train.conllu'), `${row(1, 0)}\n`);
  expect(expectMistake(await heed(['train', 'heads.json', '--out', 'other'], { cwd }))).toBe(
    'train.conllu: sentence 41 has no partner: train.conllu has 41 sentences, train.txt has 40 lines; hint: sentence n of one file must belong to line n of the other',
  );
});
