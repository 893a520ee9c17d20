/** `heed bench --peers`: heed and its peers in turns, a line for each figure, and a file of results. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  chooseWorks,
  Interrupted,
  measurePeers,
  mergeResults,
  type PeerResults,
  peersFolder,
  type Requirement,
  type Row,
} from '../bench/peers/index.ts';
import { dictionaryPackage, dictionaryText } from '../bench/text-file.ts';
import { defaultDevice, whyUnavailable } from '../core/device.ts';
import { note, printJson } from './output.ts';

/** What the command line gives. */
export interface PeerFlags {
  readonly rounds: number;
  readonly only?: string | undefined;
  readonly python?: string | undefined;
  readonly data?: string | undefined;
  /** Where the results go. */
  readonly out: string;
  readonly json: boolean;
}

/** Why heed's half of some works cannot run here. */
function lacks(data: string | undefined): (need: Requirement) => string | undefined {
  return (need) => {
    if (need === 'wasm') return whyUnavailable('wasm');
    if (need === 'text file') {
      if (data === undefined)
        return `it learns from a text: --data FILE, HEED_BENCH_TEXT, or ${dictionaryPackage}`;
      return existsSync(data) ? undefined : `${data}: no such file`;
    }
    return defaultDevice().bf16Unit === undefined ? 'this machine has no unit for bf16' : undefined;
  };
}

/** Measures, prints, and writes the results whenever a work is done. */
export function benchPeers(flags: PeerFlags): void {
  const { only, data: named } = flags;
  const readsText = chooseWorks(only).some(({ needs }) => needs === 'text file');
  const data = named || (readsText ? dictionaryText() : undefined);
  // What Ctrl-C ends is the process that is being measured; then this one has something to tidy up.
  const outlive = (): void => {};
  process.on('SIGINT', outlive);
  try {
    if (readsText && data !== undefined) note(`text of char-gpt: ${data}`);
    printSummary(measure(flags, data), flags.out);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    note(`interrupted; works that were finished are in ${flags.out}`);
    process.exitCode = 130;
  } finally {
    process.off('SIGINT', outlive);
    if (data !== undefined && data !== named) rmSync(dirname(data), { recursive: true });
  }
}

function measure({ rounds, only, python, out, json }: PeerFlags, data: string | undefined): PeerResults {
  const before = existsSync(out) ? (JSON.parse(readFileSync(out, 'utf8')) as PeerResults) : undefined;
  const done = new Set<string>();
  return measurePeers({
    rounds,
    only,
    data,
    folder: peersFolder,
    ...(python === undefined ? {} : { python }),
    heed: [process.execPath, process.argv[1]!],
    lacks: lacks(data),
    onRound: (work, round) => note(`${work}: round ${round + 1} of ${rounds}`),
    onWork: (work, rows, results) => {
      done.add(work);
      write(out, mergeResults(before, results, done));
      for (const row of rows) json ? printJson(row) : printRow(row);
    },
  });
}

function printSummary({ rows, skipped, failed = [] }: PeerResults, out: string): void {
  const inWorks = (works: readonly string[]): string =>
    works.length === 1 ? `in ${works[0]}` : `in ${works.length} works`;
  for (const { name, reason, works } of skipped) note(`skipped: ${name} (${reason}), ${inWorks(works)}`);
  for (const { name, reason, works } of failed)
    note(`failed in some rounds: ${name} (${reason}), ${inWorks(works)}`);
  const reached = rows.flatMap(({ comparisons, limit }) =>
    [...comparisons, ...(limit ? [limit] : [])].flatMap(({ reached: is }) => is ?? []),
  );
  const missed = reached.filter((is) => !is).length;
  note(
    `${rows.length} figures: ${reached.length - missed} goals reached, ${missed} missed, ${skipped.length} skipped; ${out}`,
  );
}

function printRow({ label, work, unit, ours, comparisons, incomplete = {}, limit }: Row): void {
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  const bound = limit ? ` (at most ${limit.atMost}, ${limit.reached ? 'reached' : 'missed'})` : '';
  say(`${work.padEnd(28)} ${label}: heed ${figure(ours.median)} ${unit}${bound}`);
  for (const { best, median, ratio, goal, reached } of comparisons) {
    const wanted =
      goal === null ? 'no goal' : 'within' in goal ? `within ${goal.within}` : `at least ${goal.atLeast}×`;
    const isNear = goal !== null && 'within' in goal;
    const verdict = isNear ? ratio.toFixed(3) : `${ratio.toFixed(2)}×`;
    const mark = reached === null ? '' : reached ? ', reached' : ', missed';
    say(`${' '.repeat(29)}${best} ${figure(median)}: ${verdict} (${wanted}${mark})`);
  }
  for (const [name, rounds] of Object.entries(incomplete))
    say(`${' '.repeat(29)}${name}: ${rounds} of ${ours.values.length} rounds`);
}

function figure(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}

/** By way of another file: a run that is stopped leaves either the old results or the new ones. */
function write(out: string, results: PeerResults): void {
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(`${out}.part`, `${JSON.stringify(results, null, 2)}\n`);
  renameSync(`${out}.part`, out);
}
