/** Runs side by side: arms that differ in their configuration, each with its seeds, means and intervals. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FormatError } from '../errors.ts';
import { type MeanInterval, meanInterval, meanOf } from '../metrics/intervals.ts';

/** A finished run. */
export interface FinishedRun {
  readonly folder: string;
  readonly seed: number;
  /** Fields of its configuration by dotted path, but for the seed and what only names it. */
  readonly fields: ReadonlyMap<string, string>;
  readonly metrics: Readonly<Record<string, number>>;
  readonly steps: number;
  readonly seconds: number;
}

/** A score of an arm over its seeds. */
export interface ArmScore {
  readonly values: readonly number[];
  readonly mean: number;
  /** 95 % by Student's t; undefined for a single seed. */
  readonly interval: MeanInterval | undefined;
  /** Mean of the differences to the first arm over the seeds that both have, and its interval. */
  readonly difference: MeanInterval | undefined;
}

/** Runs that differ in their seeds only. */
export interface Arm {
  /** What it has that others have not: `model.position=rope`; the run's folder where nothing differs. */
  readonly name: string;
  readonly runs: readonly FinishedRun[];
  /** By metric. */
  readonly scores: Readonly<Record<string, ArmScore>>;
}

const seedPath = 'training.seed';
const names = new Set(['name', 'description', 'published', seedPath]);

function readJson(folder: string, file: string, hint: string): Record<string, unknown> {
  const path = join(folder, file);
  if (!existsSync(path))
    throw new FormatError({ where: folder, file: path, problem: `there is no ${file}`, hint });
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  } catch {
    throw new FormatError({
      where: folder,
      file: path,
      problem: `${file} is not JSON`,
      hint: 'run the experiment again',
    });
  }
}

function flatten(value: unknown, path = ''): [string, string][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return [[path, JSON.stringify(value)]];
  return Object.entries(value).flatMap(([key, inner]) => flatten(inner, path ? `${path}.${key}` : key));
}

/**
 * Reads a run folder.
 *
 * @throws {FormatError} when it is not one, or has not finished
 */
export function readFinishedRun(folder: string): FinishedRun {
  const { config } = readJson(
    folder,
    'experiment.json',
    'give the folder of a run, as `heed train` writes it',
  );
  const result = readJson(
    folder,
    'result.json',
    'let the run finish: heed train with the same --out resumes it',
  );
  const all = new Map(flatten(config));
  const { metrics, steps, seconds } = result as unknown as Pick<FinishedRun, 'metrics' | 'steps' | 'seconds'>;
  return {
    folder,
    seed: Number(all.get(seedPath) ?? 0),
    fields: new Map([...all].filter(([path]) => !names.has(path.split('.')[0]!) && path !== seedPath)),
    ...{ metrics, steps, seconds },
  };
}

/** Paths in which not all runs agree. */
function varyingPaths(runs: readonly FinishedRun[]): string[] {
  const paths = new Set(runs.flatMap(({ fields }) => [...fields.keys()]));
  return [...paths].filter((path) => new Set(runs.map(({ fields }) => fields.get(path))).size > 1);
}

/** Differences that a name spells out. */
const NAMED = 3;

/** An option of a mechanism whose kind is another one too: the kind says enough. */
function isOptionOfKind(path: string, paths: readonly string[]): boolean {
  const kind = path.replace(/[^.]+$/, 'kind');
  return path !== kind && paths.includes(kind);
}

function nameOf({ fields }: FinishedRun, paths: readonly string[]): string {
  const own = paths.filter((path) => fields.has(path) && !isOptionOfKind(path, paths));
  const named = own.slice(0, NAMED).map((path) => `${path}=${fields.get(path)!.replace(/^"|"$/g, '')}`);
  return (
    [...named, ...(own.length > NAMED ? [`and ${own.length - NAMED} more`] : [])].join(' ') || 'all runs'
  );
}

/** What makes an arm. */
function keyOf({ fields }: FinishedRun, paths: readonly string[]): string {
  return JSON.stringify(paths.map((path) => fields.get(path) ?? null));
}

function differencesOf(first: readonly FinishedRun[], arm: readonly FinishedRun[], metric: string): number[] {
  return arm.flatMap(({ seed, metrics }) => {
    const partner = first.find((run) => run.seed === seed);
    return partner?.metrics[metric] === undefined ? [] : [metrics[metric]! - partner.metrics[metric]!];
  });
}

function scoreOf(runs: readonly FinishedRun[], first: readonly FinishedRun[], metric: string): ArmScore {
  const values = runs.map(({ metrics }) => metrics[metric]!);
  const differences = runs === first ? [] : differencesOf(first, runs, metric);
  const interval = (list: readonly number[]): MeanInterval | undefined =>
    list.length > 1 ? meanInterval(list) : undefined;
  return { values, mean: meanOf(values), interval: interval(values), difference: interval(differences) };
}

/**
 * Puts runs into arms and compares their scores. The differences are paired by seed: runs of one seed see the same data
 * in the same order.
 *
 * @param runs - in the order in which arms shall stand; the first run's arm is the one that others are compared with
 */
export function compareRuns(runs: readonly FinishedRun[]): Arm[] {
  const paths = varyingPaths(runs);
  const groups = new Map<string, FinishedRun[]>();
  for (const run of runs) {
    const key = keyOf(run, paths);
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  const shared = Object.keys(runs[0]?.metrics ?? {}).filter((metric) =>
    runs.every(({ metrics }) => metrics[metric] !== undefined),
  );
  const first = [...groups.values()][0] ?? [];
  return [...groups.values()].map((own) => ({
    name: nameOf(own[0]!, paths),
    runs: own,
    scores: Object.fromEntries(shared.map((metric) => [metric, scoreOf(own, first, metric)])),
  }));
}
