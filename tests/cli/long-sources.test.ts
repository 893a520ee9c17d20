/** Sources longer than a model was trained on: every command cuts them as training did. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModel } from '../../src/index.ts';
import { buildEncoderDecoder } from '../../src/models/registry.ts';
import { type CheckpointFacts, readCheckpoint, restoreModel } from '../../src/train/checkpoint.ts';
import { expectMistake, heed, jsonLines, linesOf } from '../support/heed-binary.ts';
import { removeProject, tinyProject } from '../support/tiny-project.ts';

const LIMIT = 4;
const long = ['abcdefgh', 'hgfedcba', 'aabbccdd', 'fgh', 'bcbcbcbca'];
const lines = (texts: readonly string[]): string => texts.map((text) => `${text}\n`).join('');
const ends = long.map((text) => text.slice(-LIMIT));

let cwd: string;
const run = (...args: string[]) => heed(args, { cwd });
const train = (out: string, ...settings: string[]) =>
  run('train', 'tiny.yaml', '--out', out, ...settings.flatMap((text) => ['--set', text]));

beforeAll(async () => {
  cwd = tinyProject();
  writeFileSync(join(cwd, 'long.txt'), lines(long));
  writeFileSync(join(cwd, 'ends.txt'), lines(ends));
  writeFileSync(join(cwd, 'beginnings.txt'), lines(long.map((text) => text.slice(0, LIMIT))));
  writeFileSync(join(cwd, 'right.txt'), lines(ends.map((text) => [...text].reverse().join(''))));
  const limits = [`data.maxSourceLength=${LIMIT}`, 'model.dModel=32', 'training.maxSteps=600'];
  for (const [out, ...settings] of [
    ['tail', ...limits, 'data.tooLong=tail'],
    ['textrank', 'data.maxSourceLength=9', 'data.tooLong={ kind: key-passages, selector: textrank }'],
    ['tf-idf', 'data.maxSourceLength=9', 'data.tooLong=key-passages'],
  ] as const) {
    const { code, stderr } = await train(out, ...settings);
    expect(code, stderr).toBe(0);
  }
}, 300_000);
afterAll(() => removeProject(cwd));

/** What a model read of each text, without end tokens. */
async function readBy(model: string, texts: readonly string[]): Promise<string[]> {
  const { code, stdout, stderr } = await heed(['translate', model, '--json', '--alignments'], {
    cwd,
    input: lines(texts),
  });
  expect(code, stderr).toBe(0);
  return jsonLines(stdout).map((line) => {
    const { sourceTokens } = line.alignment as { readonly sourceTokens: readonly string[] };
    return sourceTokens.slice(0, -1).join('');
  });
}

async function translated(model: string, file: string): Promise<string[]> {
  const { code, stdout } = await run('translate', model, '--input', file);
  expect(code).toBe(0);
  return linesOf(stdout);
}

describe('a model trained on the ends of texts (L1)', () => {
  it('reads their ends, with the answers that they get alone', async () => {
    expect(await readBy('tail', long)).toEqual(ends);
    const answers = await translated('tail', 'long.txt');
    expect(answers).toEqual(await translated('tail', 'ends.txt'));
    expect(answers).not.toEqual(await translated('tail', 'beginnings.txt'));
    const loaded = await loadModel(join(cwd, 'tail'));
    expect((await loaded.translate(long)).map(({ text }) => text)).toEqual(answers);
  });

  it('says how many lines were cut', async () => {
    const { stderr } = await run('translate', 'tail', '--input', 'long.txt');
    expect(stderr).toBe('note: 4 lines were longer than the model takes and cut\n');
  });

  it('is scored on them', async () => {
    const score = async (sources: string): Promise<number> => {
      const files = ['--source', sources, '--target', 'right.txt', '--metrics', 'cer', '--json'];
      return (JSON.parse((await run('evaluate', 'tail', ...files)).stdout) as { score: number }).score;
    };
    expect(await score('long.txt')).toBe(await score('ends.txt'));
    expect(await score('long.txt')).toBeLessThan(await score('beginnings.txt'));
  });

  it('teaches what it says of them, and reads them when it is quantised', async () => {
    const { code } = await run(
      'distill',
      'tail',
      '--input',
      'long.txt',
      '--output',
      'taught.jsonl',
      '--beam-size',
      '1',
    );
    expect(code).toBe(0);
    const taught = jsonLines(readFileSync(join(cwd, 'taught.jsonl'), 'utf8'));
    expect(taught.map(({ source }) => source)).toEqual(long);
    expect(taught.map(({ target }) => target)).toEqual(await translated('tail', 'long.txt'));
    const quantized = await run('quantize', 'tail', '--dtype', 'int8', '--out', 'int8');
    expect(quantized.code, quantized.stderr).toBe(0);
    expect(await readBy('int8', long)).toEqual(ends);
  });

  it('says so when it is inspected', async () => {
    const { stdout } = await run('inspect', 'tail');
    expect(stdout).toContain('\nsources of more than 4 tokens are cut: "tail"\n');
    const { cut } = JSON.parse((await run('inspect', 'tail', '--json')).stdout) as { cut: unknown };
    expect(cut).toEqual({ maxLength: 4, policy: 'tail' });
  });
});

describe('a model of key passages (L2)', () => {
  const text = 'abc abd. abc abe. fgh hgf. abd abc.';
  const unknown = (part: string): string => part.replaceAll(/[ .]/g, '<unk>');

  it('reads the sentence that the others resemble, or the one of rare words', async () => {
    expect(await readBy('textrank', [text])).toEqual([unknown('abc abd. ')]);
    expect(await readBy('tf-idf', [text])).toEqual([unknown('fgh hgf. ')]);
  });

  it('of another selector is refused by name', async () => {
    const answer = await train('x', 'data.tooLong={ kind: key-passages, selector: textrang }');
    expect(expectMistake(answer)).toMatch(
      /data.tooLong.selector: expected one of tf-idf, textrank, got "textrang"; did you mean "textrank"\?/,
    );
    expect(expectMistake(await train('x', 'data.tooLong=tial'))).toMatch(
      /data.tooLong: expected one of skip, head, tail, head-tail, key-passages, got "tial"; did you mean "tail"\?/,
    );
  });
});

describe('a checkpoint of cut sources (L1)', () => {
  const restored = (change: (tokenizers: CheckpointFacts['tokenizers']) => CheckpointFacts['tokenizers']) => {
    const checkpoint = readCheckpoint(join(cwd, 'tail/model'));
    const { facts } = checkpoint;
    const changed = { ...facts, tokenizers: change(facts.tokenizers) };
    return restoreModel({ ...checkpoint, facts: changed }, 'reference', buildEncoderDecoder).tokenizers.cut;
  };

  it('that says nothing of it keeps the beginning, as older ones do', () => {
    expect(restored((tokenizers) => tokenizers)).toEqual({ maxLength: 4, policy: 'tail' });
    expect(restored(({ source, target }) => ({ source, target }))).toBeUndefined();
  });

  it.each([[{ maxLength: 4, policy: 'middle' }], [{ maxLength: 0, policy: 'tail' }], ['tail'], [null]])(
    'that says %j is refused',
    (cut) => {
      expect(() => restored((tokenizers) => ({ ...tokenizers, cut }))).toThrow(
        /tokenizers.cut: expected a maxLength, and a policy of head, tail, head-tail, key-passages, got/,
      );
    },
  );
});
