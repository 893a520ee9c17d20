/** `heed bench --profile`: the ceilings of the machine, then every op beside them. */
import {
  type Ceilings,
  measureCeilings,
  type OpProfile,
  type Profile,
  type ProfiledWork,
  profile,
} from '../bench/index.ts';
import type { Device } from '../core/device.ts';
import { note, printJson } from './output.ts';

/** What is profiled and how it is shown. */
export interface ProfileOptions {
  readonly name: string;
  readonly works: readonly ProfiledWork[];
  readonly device: Device;
  readonly runs: number;
  readonly json: boolean;
}

const WARM_UP_RUNS = 3;

/** Measures and prints. */
export function printProfile({ name, works, device, runs, json }: ProfileOptions): void {
  const ceilings = measureCeilings(device);
  if (!ceilings) note(`note: ${device.name} has no probes of its ceilings: times only`);
  else if (json) for (const line of ceilingLines(ceilings)) printJson({ name: 'ceiling', ...line });
  else printCeilings(ceilings);
  for (const { label, run } of works) {
    for (let i = 0; i < WARM_UP_RUNS; i++) run();
    const found = profile(device, ceilings, runs, run);
    const title = `${name}${label && ` ${label}`}`;
    if (json) printJsonProfile(title, found);
    else printTable(title, found);
  }
}

function ceilingLines({
  gflops,
  products,
  bandwidths,
}: Ceilings): Readonly<Record<string, string | number>>[] {
  return [
    ...[...gflops].map(([threads, rate]) => ({ threads, gflops: rate })),
    ...[...products].map(([unit, rate]) => ({ unit, gflops: rate })),
    ...bandwidths.map(({ bytes, read, triad }) => ({ bytes, readGBs: read, triadGBs: triad })),
  ];
}

function printCeilings({ gflops, products, bandwidths }: Ceilings): void {
  const peaks = [...gflops].map(([threads, rate]) => `${rate.toFixed(0)} on ${threads}`);
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  say(`ceilings: fp32 multiply-adds, GFLOP/s by threads: ${peaks.join(', ')}`);
  for (const [unit, rate] of products)
    say(`ceilings: ${unit} products, all threads: ${rate.toFixed(0)} GFLOP/s`);
  for (const { bytes, read, triad } of bandwidths) {
    const size = `${(bytes / 2 ** 20).toFixed(1)} MiB`.padStart(10);
    say(`ceilings: ${size} of working set: read ${read.toFixed(0)} GB/s, triad ${triad.toFixed(0)} GB/s`);
  }
}

function printJsonProfile(name: string, { ops, scripts, scriptMilliseconds, milliseconds }: Profile): void {
  for (const op of ops) printJson({ name, ...op });
  for (const script of scripts) printJson({ name, javascript: true, ...script });
  printJson({ name, total: milliseconds, javascript: scriptMilliseconds });
}

const widths = [44, 7, 10, 16, 9] as const;

function row(op: string, ...numbers: readonly string[]): void {
  const cells = numbers.map((text, i) => text.padStart(widths[i + 1]!));
  process.stdout.write(`${`${op.padEnd(widths[0])}${cells.join('')}`.trimEnd()}\n`);
}

function opRow({ op, calls, milliseconds, rate, unit, overFloor }: OpProfile): void {
  const bound = rate === undefined ? [] : [`${rate.toFixed(1)} ${unit}`, `${overFloor!.toFixed(2)}×`];
  row(op, String(calls), milliseconds.toFixed(2), ...bound);
}

function printTable(name: string, { ops, scripts, scriptMilliseconds, milliseconds }: Profile): void {
  process.stdout.write(`\n${name}: ${milliseconds.toFixed(1)} ms\n`);
  row('op', 'calls', 'ms', 'rate', '/ floor');
  for (const op of ops) opRow(op);
  row('JavaScript outside kernels', '', scriptMilliseconds.toFixed(2));
  for (const { op, milliseconds: ms } of scripts.slice(0, 8)) row(`  in ${op}`, '', ms.toFixed(2));
}
