/** A training run of a second that writes every kind of file: for tests of crashes, damage and repetition. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { onTestFinished } from 'vitest';
import { sha256 } from '../../src/train/atomic.ts';
import { runFolders } from '../../src/train/checkpoint.ts';
import { numberedFolders } from '../../src/train/checkpoint-store.ts';
import type { Experiment } from '../../src/train/config/schema.ts';
import { validateExperiment } from '../../src/train/config/validate.ts';
import { reversedStrings } from './reversed-strings.ts';

/** A fresh folder that stays until it is removed. */
export function permanentFolder(): { readonly folder: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'heed-test-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A fresh folder that is removed when the running test ends. */
export function temporaryFolder(): string {
  const { folder, remove } = permanentFolder();
  onTestFinished(remove);
  return folder;
}

/** Values over the defaults of `tinyExperimentFile`, by section. */
export interface TinyOverrides {
  readonly data?: Readonly<Record<string, unknown>>;
  readonly model?: Readonly<Record<string, unknown>>;
  readonly training?: Readonly<Record<string, unknown>>;
  readonly evaluation?: Readonly<Record<string, unknown>>;
}

/** Everything that a checkpoint must carry is on: dropout, accumulation, several epochs, validation, averaging. */
function description(folder: string, { data, model, training, evaluation }: TinyOverrides): object {
  const limits = { maxTokens: 60, maxSourceLength: 20, maxTargetLength: 20, ...data };
  const part = (name: string): object => ({ format: 'tsv', path: join(folder, `${name}.tsv`) });
  return {
    name: 'tiny',
    data: { train: part('train'), validation: part('validation'), test: part('test'), ...limits },
    tokenizer: { shared: { kind: 'char' } },
    model: {
      ...{ dModel: 16, dFf: 32, numHeads: 2, numEncoderLayers: 1, numDecoderLayers: 1, maxSeqLen: 32 },
      ...{ dropout: 0.1, attentionDropout: 0.1, activationDropout: 0.1, ...model },
    },
    training: {
      ...{ maxSteps: 24, gradAccumSteps: 2, learningRate: 0.01, schedule: 'cosine', warmupSteps: 4 },
      ...{ clipNorm: 1, weightDecay: 0.01, optimizer: 'adamw', logEvery: 3, checkpointEvery: 5 },
      ...{ average: { of: 'last', count: 2 }, ...training },
    },
    evaluation: { every: 4, metrics: ['ser'], maxExamples: 4, samples: 2, ...evaluation },
  };
}

/** Writes data and description into a folder; the path of the description, which is JSON and so YAML too. */
export function tinyExperimentFile(folder: string, overrides: TinyOverrides = {}): string {
  mkdirSync(folder, { recursive: true });
  const pairs = reversedStrings(60, { seed: 9, shortest: 2, longest: 6 });
  const tsv = (from: number, to: number): string =>
    pairs
      .slice(from, to)
      .map(({ source, target }) => `${source}\t${target}\n`)
      .join('');
  writeFileSync(join(folder, 'train.tsv'), tsv(0, 44));
  writeFileSync(join(folder, 'validation.tsv'), tsv(44, 52));
  writeFileSync(join(folder, 'test.tsv'), tsv(52, 60));
  const file = join(folder, 'tiny.yaml');
  writeFileSync(file, JSON.stringify(description(folder, overrides)));
  return file;
}

/** The same as a valid experiment. */
export function tinyExperiment(folder: string, overrides: TinyOverrides = {}): Experiment {
  return validateExperiment(JSON.parse(readFileSync(tinyExperimentFile(folder, overrides), 'utf8')));
}

/**
 * SHA-256 of every file of a finished run that must not depend on how often it was interrupted, by path: final
 * weights, weights and moments of the last checkpoint, logged metrics, samples. Other files know the time.
 */
export function fingerprint(run: string): Record<string, string> {
  const [newest] = numberedFolders(join(run, runFolders.checkpoints));
  const last = relative(run, newest!.path);
  const files = [`${last}/model.safetensors`, `${last}/optimizer.safetensors`, 'model/model.safetensors'];
  return Object.fromEntries(
    [...files, 'metrics.jsonl', 'samples.json'].map((path) => [path, sha256(readFileSync(join(run, path)))]),
  );
}

/** Test scores of a finished run. */
export function testScores(run: string): unknown {
  const file = join(run, 'result.json');
  return existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as { metrics: unknown }).metrics
    : undefined;
}
