/** Reads a training run's folder. */
import { readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { ConfigError, DataError } from '../errors.ts';
import {
  arrayOf,
  field,
  optionalField,
  type Read,
  readNumber,
  readRecord,
  readString,
  recordOf,
  wrongValue,
} from './checked.ts';
import { type JsonLine, parseJsonLines, toTable } from './json-lines.ts';
import { readSample } from './read-sample.ts';
import type { Experiment, Host, ParameterCounts, PublishedNumber, RunData, RunResult } from './run-data.ts';

/**
 * Reads what the trainer wrote: `metrics.jsonl`, and where they are there `timing.jsonl`,
 * `experiment.json`, `result.json` and `samples.json`.
 *
 * @param dir - the run's folder
 * @returns the data of the report
 * @throws ConfigError `E_CONFIG` when the folder does not exist
 * @throws DataError `E_DATA` when `metrics.jsonl` is missing, or any file holds something else than it should
 */
export async function readRun(dir: string): Promise<RunData> {
  await needFolder(dir);
  const metricsFile = join(dir, 'metrics.jsonl');
  const metrics = await readText(metricsFile);
  if (metrics === undefined) {
    throw new DataError({
      file: metricsFile,
      where: metricsFile,
      expected: 'the rows that training writes',
      got: 'no such file',
      hint: 'name the folder of a run',
    });
  }
  const lines = parseJsonLines(metrics, metricsFile);
  const timingFile = join(dir, 'timing.jsonl');
  const experiment = await readJson(join(dir, 'experiment.json'), readExperiment);
  return {
    name: experiment?.name ?? basename(resolve(dir)),
    train: toTable(ofKind(lines, 'train'), true),
    validation: toTable(ofKind(lines, 'validation'), true),
    test: toTable(ofKind(lines, 'test'), false),
    timing: toTable(parseJsonLines((await readText(timingFile)) ?? '', timingFile), true),
    experiment,
    result: await readJson(join(dir, 'result.json'), readResult),
    samples: (await readJson(join(dir, 'samples.json'), arrayOf(readSample))) ?? [],
  };
}

async function needFolder(dir: string): Promise<void> {
  const found = await stat(dir).catch(() => undefined);
  if (found?.isDirectory()) return;
  throw new ConfigError({
    where: 'report',
    expected: 'the folder of a run',
    got: `${dir}, ${found ? 'which is a file' : 'which does not exist'}`,
    hint: 'training writes one folder per run',
  });
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function readJson<T>(file: string, read: Read<T>): Promise<T | undefined> {
  const text = await readText(file);
  if (text === undefined) return undefined;
  return read(parseJson(text, file), { file });
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw wrongValue({ file }, 'JSON', text);
  }
}

function ofKind(lines: readonly JsonLine[], kind: string): JsonLine[] {
  return lines.filter(({ value }) => value.kind === kind);
}

const readExperiment: Read<Experiment> = (value, place) => {
  const record = readRecord(value, place);
  const optional = <T>(key: string, read: Read<T>) => optionalField(record, key, place, read);
  return {
    name: optional('name', readString),
    config: optional('config', readRecord),
    parameters: optional('parameters', readParameters),
    device: optional('device', readString),
    threads: optional('threads', readNumber),
    host: optional('host', readHost),
    startedAt: optional('startedAt', readString),
    heedVersion: optional('heedVersion', readString),
  };
};

const readParameters: Read<ParameterCounts> = (value, place) => {
  const record = readRecord(value, place);
  return {
    total: field(record, 'total', place, readNumber),
    parts: optionalField(record, 'parts', place, recordOf(readNumber)),
  };
};

const readHost: Read<Host> = (value, place) => {
  const record = readRecord(value, place);
  return {
    cpu: optionalField(record, 'cpu', place, readString),
    node: optionalField(record, 'node', place, readString),
  };
};

const readResult: Read<RunResult> = (value, place) => {
  const record = readRecord(value, place);
  return {
    seconds: optionalField(record, 'seconds', place, readNumber),
    metrics: optionalField(record, 'metrics', place, recordOf(readNumber)) ?? {},
    published: optionalField(record, 'published', place, arrayOf(readPublished)) ?? [],
  };
};

const readPublished: Read<PublishedNumber> = (value, place) => {
  const record = readRecord(value, place);
  return {
    name: field(record, 'name', place, readString),
    value: field(record, 'value', place, readNumber),
    note: optionalField(record, 'note', place, readString),
  };
};
