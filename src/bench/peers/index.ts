/** Heed beside its peers: measured in turns on this machine, written to one file. */
import os from 'node:os';
import { ConfigError, suggest } from '../../errors.ts';
import { heedVersion } from '../../version.ts';
import { type Measured, measureWork, type Row } from './compare.ts';
import { type MeasurerOptions, ProcessMeasurer, type Skip } from './measurer.ts';
import { type Work, works } from './works.ts';

export type { Comparison, Row } from './compare.ts';
export type { Skip } from './measurer.ts';
export { peersFolder } from './programs.ts';
export { type Requirement, works } from './works.ts';

/** `bench/results.json`. Each row says when it was measured: a run of some works keeps the rows of others. */
export interface PeerResults {
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryGiB: number;
    readonly system: string;
  };
  /** Of heed, Node and the peers. */
  readonly versions: Readonly<Record<string, string>>;
  readonly rows: readonly Row[];
  readonly skipped: readonly Skip[];
}

/** What `measurePeers` is told. */
export interface PeerOptions extends MeasurerOptions {
  readonly rounds: number;
  /** Names of works, or how they begin; all of them where it is absent. */
  readonly only?: string | undefined;
  readonly onRound?: (work: string, round: number) => void;
  /** Called with the rows of a work when it is done. */
  readonly onRows?: (rows: readonly Row[]) => void;
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

/** Measures works beside their peers. */
export function measurePeers(options: PeerOptions): PeerResults {
  const { rounds, only, onRound = () => {}, onRows = () => {} } = options;
  const measurer = new ProcessMeasurer(options);
  const measured: Measured = {
    date: new Date().toISOString().slice(0, 10),
    load: Number(os.loadavg()[0]!.toFixed(1)),
  };
  const rows = chooseWorks(only).flatMap((work) => {
    const figures = measureWork(work, rounds, measurer, (round) => onRound(work.name, round)) ?? [];
    const found = figures.map((row) => ({ ...row, measured }));
    onRows(found);
    return found;
  });
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
  };
}
