/** `heed bench --peers`: heed and its peers in turns, a line for each figure, and a file of results. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  chooseWorks,
  measurePeers,
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

/** Measures, prints and writes. */
export function benchPeers({ rounds, only, python, data: named, out, json }: PeerFlags): void {
  const readsText = chooseWorks(only).some(({ needs }) => needs === 'text file');
  const data = named || (readsText ? dictionaryText() : undefined);
  if (readsText && data !== undefined) note(`text of char-gpt: ${data}`);
  const results = measurePeers({
    rounds,
    only,
    data,
    folder: peersFolder,
    ...(python === undefined ? {} : { python }),
    heed: [process.execPath, process.argv[1]!],
    lacks: lacks(data),
    onRound: (work, round) => note(`${work}: round ${round + 1} of ${rounds}`),
    onRows: (rows) => {
      for (const row of rows) json ? printJson(row) : printRow(row);
    },
  });
  for (const { name, reason, works } of results.skipped)
    note(`skipped: ${name} (${reason}), in ${works.length === 1 ? works[0] : `${works.length} works`}`);
  if (data !== undefined && data !== named) rmSync(dirname(data), { recursive: true });
  write(out, results, only);
  const reached = results.rows.flatMap(({ comparisons, limit }) =>
    [...comparisons, ...(limit ? [limit] : [])].flatMap(({ reached: is }) => is ?? []),
  );
  const missed = reached.filter((is) => !is).length;
  note(
    `${results.rows.length} figures: ${reached.length - missed} goals reached, ${missed} missed, ${results.skipped.length} skipped; ${out}`,
  );
}

function printRow({ label, work, unit, ours, comparisons, limit }: Row): void {
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
}

function figure(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}

/** A run of some works keeps what the file has of the others. */
function merged(
  before: PeerResults | undefined,
  results: PeerResults,
  chosen: ReadonlySet<string>,
): PeerResults {
  const order = chooseWorks(undefined).map(({ name }) => name);
  const kept = before?.rows.filter(({ work }) => !chosen.has(work)) ?? [];
  const stillSkipped = before?.skipped.filter(({ works }) => !works.some((work) => chosen.has(work))) ?? [];
  return {
    ...results,
    versions: { ...before?.versions, ...results.versions },
    rows: [...kept, ...results.rows].sort((a, b) => order.indexOf(a.work) - order.indexOf(b.work)),
    skipped: [...stillSkipped, ...results.skipped],
  };
}

function write(out: string, results: PeerResults, only: string | undefined): void {
  const before = existsSync(out) ? (JSON.parse(readFileSync(out, 'utf8')) as PeerResults) : undefined;
  const chosen = new Set(chooseWorks(only).map(({ name }) => name));
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, `${JSON.stringify(merged(before, results, chosen), null, 2)}\n`);
}
