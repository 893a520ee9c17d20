/** What `bench/results.json` says, and how the results of some works join those of others. */
import type { Row } from './compare.ts';
import type { Skip } from './measurer.ts';
import { works } from './works.ts';

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
  /** What has no figures. */
  readonly skipped: readonly Skip[];
  /** What has figures of fewer rounds than it should; older files do not say. */
  readonly failed?: readonly Skip[];
}

/** What was skipped in works that were not measured anew, and what is skipped now; equal reasons once. */
function joined(before: readonly Skip[], now: readonly Skip[], done: ReadonlySet<string>): Skip[] {
  const all = new Map<string, Skip>();
  const kept = before.map((skip) => ({ ...skip, works: skip.works.filter((work) => !done.has(work)) }));
  for (const skip of [...kept, ...now]) {
    if (skip.works.length === 0) continue;
    const key = `${skip.name}: ${skip.reason}`;
    all.set(key, { ...skip, works: [...(all.get(key)?.works ?? []), ...skip.works] });
  }
  return [...all.values()];
}

/**
 * New results and what an older file has of other works.
 *
 * @param before - the older file
 * @param results - the new ones
 * @param done - names of the works that were measured anew, or could not be
 */
export function mergeResults(
  before: PeerResults | undefined,
  results: PeerResults,
  done: ReadonlySet<string>,
): PeerResults {
  const place = (row: Row): number => works.findIndex(({ name }) => name === row.work);
  const kept = before?.rows.filter(({ work }) => !done.has(work)) ?? [];
  return {
    ...results,
    versions: { ...before?.versions, ...results.versions },
    rows: [...kept, ...results.rows].sort((a, b) => place(a) - place(b)),
    skipped: joined(before?.skipped ?? [], results.skipped, done),
    failed: joined(before?.failed ?? [], results.failed ?? [], done),
  };
}
