/** `heed fill`: a line that cannot be filled is named, and those before it are written. */
import '../../src/backends/register.ts';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { trainExperiment } from '../../src/train/run.ts';
import { heed } from '../support/heed-binary.ts';
import { permanentFolder } from '../support/tiny-run.ts';
import { textExperiment, writeText } from '../support/tiny-text-run.ts';

const { folder: cwd, remove } = permanentFolder();
beforeAll(async () => {
  const model = { kind: 'masked-lm', dModel: 16, numLayers: 1, numHeads: 2, maxSeqLen: 16 };
  const experiment = textExperiment(writeText(cwd, 1), model, { training: { maxSteps: 2 } });
  await trainExperiment(experiment, { folder: join(cwd, 'masked') });
});
afterAll(remove);

const lines = ['ab[MASK]', 'no mask, and as long as it likes', `${'a'.repeat(16)}[MASK]`, 'c[MASK]'];
const input = lines.map((line) => `${line}\n`).join('');
const refusal = 'expected at most 16 tokens (maxSeqLen), got 17; hint: shorten the text';

test.each([
  ['standard input', [], input],
  ['texts.txt', ['--input', 'texts.txt'], ''],
])('names the line of %s that is too long for the model', async (name, options, typed) => {
  writeFileSync(join(cwd, 'texts.txt'), input);
  const args = ['fill', 'masked', '--device', 'reference', ...options];
  const { code, stdout, stderr } = await heed(args, { cwd, input: typed });
  expect({ code, stderr }).toEqual({ code: 2, stderr: `heed: ${name}:3: ${refusal}\n` });
  expect(stdout).toMatch(/^ab[a-h]\nno mask, and as long as it likes\n$/);
});
