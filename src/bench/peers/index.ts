/** Heed beside its peers: measured in turns on this machine, written to one file. */
import os from 'node:os';
import { basename } from 'node:path';
import { ConfigError, suggest } from '../../errors.ts';
import { heedVersion } from '../../version.ts';
import { commitOf } from './commit.ts';
import { type Measured, measureWork, type Row } from './compare.ts';
import { type MeasurerOptions, ProcessMeasurer } from './measurer.ts';
import { packageRoot } from './programs.ts';
import type { PeerResults } from './results.ts';
import { type Work, works } from './works.ts';

export type { Comparison, Row } from './compare.ts';
export { Interrupted, type Skip } from './measurer.ts';
export { peersFolder } from './programs.ts';
export { mergeResults, type PeerResults } from './results.ts';
export { type Requirement, works } from './works.ts';

/** What `measurePeers` is told. */
export interface PeerOptions extends MeasurerOptions {
  readonly rounds: number;
  /** Names of works, or how they begin; all of them where it is absent. */
  readonly only?: string | undefined;
  readonly onRound?: (work: string, round: number) => void;
  /** Called when a work is done, with its rows and the results of all works so far. */
  readonly onWork?: (work: string, rows: readonly Row[], results: PeerResults) => void;
}

/**
 * The works of a name, or whose names begin with it.
 *
 * @throws {ConfigError} when there is none
 */
export function chooseWorks(only: string | undefined): readonly Work[] {
  if (only === undefined) return works;
  const exact = works.filter(({ name }) => name === only);
  const chosen = exact.length > 0 ? exact : works.filter(({ name }) => name.startsWith(only));
  if (chosen.length > 0) return chosen;
  throw new ConfigError({
    where: '--only',
    expected: 'the name of a work, or how it begins',
    got: JSON.stringify(only),
    hint: suggest(
      only,
      works.map(({ name }) => name),
    ),
  });
}

function measuredNow(): Measured {
  const commit = commitOf(packageRoot);
  return {
    date: new Date().toISOString().slice(0, 10),
    load: Number(os.loadavg()[0]!.toFixed(1)),
    ...(commit === undefined ? {} : { commit }),
  };
}

function resultsOf(measurer: ProcessMeasurer, rows: readonly Row[]): PeerResults {
  return {
    machine: {
      cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
      cores: os.availableParallelism(),
      memoryGiB: Math.round(os.totalmem() / 2 ** 30),
      system: `${os.type()} ${os.release()} ${os.arch()}`,
    },
    versions: { heed: heedVersion, Node: process.versions.node, ...Object.fromEntries(measurer.versions) },
    rows,
    skipped: measurer.skipped,
    failed: measurer.failed,
  };
}

/**
 * Measures works beside their peers.
 *
 * @throws {Interrupted} on Ctrl-C; `onWork` has given what was finished
 */
export function measurePeers(options: PeerOptions): PeerResults {
  const { rounds, only, data, onRound = () => {}, onWork = () => {} } = options;
  const measurer = new ProcessMeasurer(options);
  const measured = measuredNow();
  const all: Row[] = [];
  for (const work of chooseWorks(only)) {
    const text = work.needs === 'text file' && data !== undefined ? { text: basename(data) } : {};
    const figures = measureWork(work, rounds, measurer, (round) => onRound(work.name, round)) ?? [];
    const rows = figures.map((row) => ({ ...row, ...text, measured }));
    all.push(...rows);
    onWork(work.name, rows, resultsOf(measurer, [...all]));
  }
  return resultsOf(measurer, all);
}
