/** What the Transformer is compared with, by the same commands: trained from YAML, translating, tagging, scored. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import YAML from 'yaml';
import { heed, jsonLines, linesOf } from '../support/heed-binary.ts';
import { taggingDescription, writeTagged } from '../support/tagged-sentences.ts';
import { removeProject, tinyProject, tinyYaml } from '../support/tiny-project.ts';

let cwd: string;
beforeAll(() => {
  cwd = tinyProject();
  writeTagged(cwd);
});
afterAll(() => removeProject(cwd));

async function done(args: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await heed(args, { cwd, input });
  expect(code, stderr).toBe(0);
  return stdout;
}

const score = async (args: readonly string[]): Promise<Record<string, unknown>> =>
  Object.fromEntries(jsonLines(await done([...args, '--json'])).map(({ metric, score }) => [metric, score]));

describe.each([
  ['lstm', { kind: 'lstm-seq2seq', attention: 'bahdanau', dModel: 16, numLayers: 1 }],
  ['elman', { kind: 'lstm-seq2seq', cell: 'elman', attention: 'none', dModel: 16, numLayers: 2 }],
  ['nat', { kind: 'nat', dModel: 16, dFf: 32, numHeads: 2, numEncoderLayers: 1, numDecoderLayers: 1 }],
])('%s', (name, model) => {
  it('trains, translates, and is evaluated, inspected and quantised', async () => {
    const yaml = tinyYaml.replace(
      /^model: .*$/m,
      `model: ${JSON.stringify({ ...model, dropout: 0, maxSeqLen: 16 })}`,
    );
    writeFileSync(join(cwd, `${name}.yaml`), yaml);
    await done(['train', `${name}.yaml`, '--out', name]);
    expect(linesOf(await done(['translate', name], 'abc\nfed\n\n'))).toHaveLength(3);
    const given = ['--source', 'sources.txt', '--target', 'targets.txt', '--metrics', 'cer'];
    const { cer } = await score(['evaluate', name, ...given]);
    expect(cer).toBeGreaterThan(0);
    expect(await done(['inspect', name])).toContain(model.kind);
    const report = await done([
      'quantize',
      name,
      '--dtype',
      'int8',
      '--out',
      `${name}-8`,
      '--json',
      ...given,
    ]);
    expect(jsonLines(report)[0]).toMatchObject({ before: { metrics: { cer } } });
  });
});

it('conv-tagger trains, tags, and is evaluated', async () => {
  const model = { kind: 'conv-tagger', dModel: 16, numLayers: 2 };
  writeFileSync(join(cwd, 'conv.yaml'), YAML.stringify(taggingDescription(cwd, { model })));
  await done(['train', 'conv.yaml', '--out', 'conv']);
  expect(await done(['tag', 'conv'], 'mr w1 w2 said\n')).toMatch(/^mr\/\S+ w1\/\S+ w2\/\S+ said\/\S+\n$/);
  expect(Object.keys(await score(['evaluate', 'conv', '--conll', 'test.conll']))).toContain('f1');
});
