/** A folder as a stranger would have it: text in files, an experiment in YAML, and a model trained in a second. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { heed } from './heed-binary.ts';
import { reversedStrings } from './reversed-strings.ts';

export const tinyYaml = `name: reverse
data:
  train: { format: tsv, path: train.tsv }
  validation: { format: tsv, path: validation.tsv }
  test: { format: tsv, path: test.tsv }
  maxSourceLength: 12
  maxTargetLength: 12
  maxTokens: 200
tokenizer: { shared: { kind: char } }
model: { dModel: 16, dFf: 32, numHeads: 2, numEncoderLayers: 1, numDecoderLayers: 1, dropout: 0, maxSeqLen: 16 }
training: { maxSteps: 30, learningRate: 0.01, schedule: constant, warmupSteps: 5, checkpointEvery: 10 }
evaluation: { every: 15, metrics: [cer], test: { metrics: [cer, exact-match] }, samples: 3 }
`;

/** Makes the folder with its data; `runs/reverse` is not there yet. */
export function tinyProject(): string {
  const folder = mkdtempSync(join(tmpdir(), 'heed-cli-'));
  const pairs = reversedStrings(100, { seed: 3, shortest: 1, longest: 6 });
  const write = (name: string, from: number, to: number): void =>
    writeFileSync(
      join(folder, name),
      pairs
        .slice(from, to)
        .map(({ source, target }) => `${source}\t${target}\n`)
        .join(''),
    );
  write('train.tsv', 0, 80);
  write('validation.tsv', 80, 90);
  write('test.tsv', 90, 100);
  writeFileSync(
    join(folder, 'sources.txt'),
    pairs
      .slice(90)
      .map(({ source }) => `${source}\n`)
      .join(''),
  );
  writeFileSync(
    join(folder, 'targets.txt'),
    pairs
      .slice(90)
      .map(({ target }) => `${target}\n`)
      .join(''),
  );
  writeFileSync(join(folder, 'tiny.yaml'), tinyYaml);
  return folder;
}

/** The same with a trained model in `runs/reverse`. */
export async function trainedProject(): Promise<string> {
  const folder = tinyProject();
  const { code, stderr } = await heed(['train', 'tiny.yaml'], { cwd: folder });
  expect(code, stderr).toBe(0);
  return folder;
}

export function removeProject(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
