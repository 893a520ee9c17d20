/**
 * A checkpoint: weights and moments as safetensors, and one JSON with the model's configuration, the tokenizers
 * and where training stood.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../core/random.ts';
import type { Tensor } from '../core/tensor.ts';
import { cuts, type SourceCut } from '../data/length-policy.ts';
import { FormatError, HeedError } from '../errors.ts';
import { readSafetensors, type StoredTensor, writeSafetensors } from '../formats/safetensors.ts';
import type { Tokenizers } from '../generate/translator.ts';
import type { ModelDescription } from '../models/registry.ts';
import type { Module, ModuleContext } from '../nn/module.ts';
import { choiceIssues } from '../nn/variants.ts';
import { loadTokenizer } from '../tokenizers/load.ts';
import { heedVersion } from '../version.ts';
import { newerVersion, numberedFolders, readFolder, VERSION_CODE, writeFolder } from './checkpoint-store.ts';
import type { TrainingState } from './training-state.ts';

/** Files of a checkpoint folder. */
const files = {
  weights: 'model.safetensors',
  moments: 'optimizer.safetensors',
  carried: 'memory.safetensors',
  facts: 'checkpoint.json',
} as const;

/** Folders of a run. */
export const runFolders = { checkpoints: 'checkpoints', snapshots: 'snapshots', model: 'model' } as const;

/** The JSON of a checkpoint. */
export interface CheckpointFacts {
  readonly format: 'heed-model';
  readonly version: 1;
  readonly heedVersion: string;
  readonly model: ModelDescription;
  readonly tokenizers: { readonly source: unknown; readonly target: unknown; readonly cut?: unknown };
  /** Absent in a model that is only for use. */
  readonly training?: TrainingState | undefined;
}

export interface Checkpoint {
  readonly path: string;
  readonly facts: CheckpointFacts;
  readonly weights: Map<string, StoredTensor>;
  readonly moments: Map<string, StoredTensor> | undefined;
  /** What a model remembers of the batches before. */
  readonly carried: Map<string, StoredTensor> | undefined;
}

/** What `saveCheckpoint` writes. */
export interface CheckpointContent {
  readonly model: ModelDescription;
  readonly tokenizers: Tokenizers;
  readonly weights: ReadonlyMap<string, StoredTensor>;
  readonly moments?: ReadonlyMap<string, Tensor>;
  readonly carried?: ReadonlyMap<string, Tensor> | undefined;
  readonly training?: TrainingState;
}

/**
 * Writes a checkpoint folder so that it is complete or not there.
 *
 * @throws {TrainingError} when the disk is full or the place not writable
 */
export function saveCheckpoint(path: string, content: CheckpointContent): void {
  const { model, tokenizers, weights, moments, carried, training } = content;
  const isShared = tokenizers.source === tokenizers.target;
  const facts: CheckpointFacts = {
    format: 'heed-model',
    version: 1,
    heedVersion,
    model,
    tokenizers: {
      source: tokenizers.source.toJSON(),
      target: isShared ? 'source' : tokenizers.target.toJSON(),
      ...(tokenizers.cut && { cut: tokenizers.cut }),
    },
    ...(training && { training }),
  };
  const bytes = new Map([[files.weights as string, writeSafetensors(weights)]]);
  if (moments) bytes.set(files.moments, writeSafetensors(moments));
  if (carried) bytes.set(files.carried, writeSafetensors(carried));
  bytes.set(files.facts, new TextEncoder().encode(`${JSON.stringify(facts)}\n`));
  writeFolder(path, bytes);
}

/**
 * Reads and verifies a checkpoint folder.
 *
 * @throws {FormatError} when a file is missing, damaged, of another format or of a newer version
 */
export function readCheckpoint(path: string): Checkpoint {
  const content = readFolder(path);
  const facts = parseFacts(content.get(files.facts), join(path, files.facts));
  const stored = (name: string): Map<string, StoredTensor> | undefined => {
    const bytes = content.get(name);
    return bytes && readSafetensors(bytes, join(path, name)).tensors;
  };
  const weights = stored(files.weights);
  if (!weights) throw damaged(join(path, files.weights), 'the weights are missing');
  return { path, facts, weights, moments: stored(files.moments), carried: stored(files.carried) };
}

function damaged(file: string, problem: string): FormatError {
  return new FormatError({
    where: file,
    file,
    problem,
    hint: 'the folder is not a model of heed',
    code: 'E_CHECKPOINT',
  });
}

function parseFacts(bytes: Uint8Array | undefined, file: string): CheckpointFacts {
  if (!bytes) throw damaged(file, 'the file is missing');
  let facts: Partial<CheckpointFacts> | null;
  try {
    facts = JSON.parse(new TextDecoder().decode(bytes)) as Partial<CheckpointFacts> | null;
  } catch {
    throw damaged(file, 'not JSON');
  }
  if (facts?.format !== 'heed-model') throw damaged(file, 'not a model of heed');
  if (facts.version !== 1) throw newerVersion(file, facts.version);
  for (const part of ['model', 'tokenizers'] as const) {
    if (typeof facts[part] !== 'object' || facts[part] === null)
      throw damaged(file, `has no field "${part}"`);
  }
  return facts as CheckpointFacts;
}

/** A verified checkpoint, and those newer ones that could not be used. */
export interface FoundCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly damaged: readonly { readonly path: string; readonly problem: string }[];
}

/** What is wrong with a checkpoint, without the hint for those who have no other one. */
function problemOf(error: unknown): string {
  if (error instanceof HeedError) return error.statement;
  throw error;
}

/**
 * The newest checkpoint of a run that verifies.
 *
 * @returns undefined when the run has no checkpoint at all
 * @throws {FormatError} when it has some and none can be used, or one that a newer heed wrote
 */
export function newestCheckpoint(run: string): FoundCheckpoint | undefined {
  const bad: { path: string; problem: string }[] = [];
  const folders = numberedFolders(join(run, runFolders.checkpoints));
  for (const { path } of folders) {
    try {
      return { checkpoint: readCheckpoint(path), damaged: bad };
    } catch (error) {
      if ((error as FormatError).code === VERSION_CODE) throw error;
      bad.push({ path, problem: problemOf(error) });
    }
  }
  if (bad.length === 0) return undefined;
  throw new FormatError({
    where: run,
    file: bad[0]!.path,
    problem: `none of its ${bad.length} checkpoints can be read: ${bad[0]!.problem}`,
    hint: 'train again, in another folder',
    code: 'E_CHECKPOINT',
  });
}

/**
 * The model of a run or of a model folder: the finished model when there is one, else the newest checkpoint.
 *
 * @throws {FormatError} when nothing usable is there
 */
export function findModel(path: string): FoundCheckpoint {
  if (existsSync(join(path, 'manifest.json'))) return { checkpoint: readCheckpoint(path), damaged: [] };
  const finished = join(path, runFolders.model);
  const bad: { path: string; problem: string }[] = [];
  if (existsSync(finished)) {
    try {
      return { checkpoint: readCheckpoint(finished), damaged: [] };
    } catch (error) {
      bad.push({ path: finished, problem: problemOf(error) });
    }
  }
  const newest = newestCheckpoint(path);
  if (newest) return { checkpoint: newest.checkpoint, damaged: [...bad, ...newest.damaged] };
  if (bad.length > 0) {
    throw new FormatError({
      where: path,
      file: finished,
      problem: `its model cannot be read, and it has no checkpoint: ${bad[0]!.problem}`,
      hint: 'train again, in another folder',
      code: 'E_CHECKPOINT',
    });
  }
  throw new FormatError({
    where: path,
    file: path,
    problem: whyNoModel(path),
    hint: 'give the folder that heed train made, for example runs/pronounce',
    code: 'E_NO_MODEL',
  });
}

function whyNoModel(path: string): string {
  if (!existsSync(path)) return 'there is no such folder';
  if (!statSync(path).isDirectory()) return 'is a file, expected the folder of a model';
  const isForeign = existsSync(join(path, 'config.json')) || existsSync(join(path, files.weights));
  return isForeign
    ? 'has no manifest.json: an incomplete model, or one of another program'
    : 'there is no model in this folder';
}

/** How a model cuts long sources, as it was saved. */
function restoredCut(value: unknown, file: string): SourceCut {
  const { maxLength, policy } = (value ?? {}) as Partial<SourceCut>;
  const isLimit = Number.isSafeInteger(maxLength) && maxLength! >= 1;
  if (isLimit && choiceIssues('policy', cuts, policy).length === 0) return value as SourceCut;
  throw new FormatError({
    where: `${file}: tokenizers.cut`,
    file,
    expected: `a maxLength, and a policy of ${Object.keys(cuts).join(', ')}`,
    got: JSON.stringify(value),
    hint: 'a newer version of heed may have written it',
    code: 'E_CHECKPOINT',
  });
}

/**
 * Model and tokenizers of a checkpoint.
 *
 * @param build - makes the model, and refuses kinds that the caller cannot use
 * @throws {FormatError} when the weights do not fit the configuration, or its way to cut sources is not known
 */
export function restoreModel<M extends Module>(
  { facts, weights, path }: Checkpoint,
  device: string,
  build: (description: ModelDescription, context: ModuleContext) => M,
): { readonly model: M; readonly tokenizers: Tokenizers } {
  const model = build(facts.model, { random: new Random(0, 'restored'), device });
  model.loadStateDict(weights, join(path, files.weights));
  const source = loadTokenizer(facts.tokenizers.source, path);
  const target = facts.tokenizers.target === 'source' ? source : loadTokenizer(facts.tokenizers.target, path);
  const { cut } = facts.tokenizers;
  const cutting = cut === undefined ? {} : { cut: restoredCut(cut, join(path, files.facts)) };
  return { model, tokenizers: { source, target, ...cutting } };
}
