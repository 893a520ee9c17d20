/** `heed bench`: how fast this machine trains and decodes. */
import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import {
  type BenchLine,
  benches,
  namedBenches,
  parseShape,
  plots,
  profiledBenches,
} from '../../bench/index.ts';
import { fallbackCounts } from '../../core/counter.ts';
import { defaultDevice } from '../../core/device.ts';
import { checkPrecision, type Precision, precisions } from '../../core/precision.ts';
import { ConfigError, suggest } from '../../errors.ts';
import { benchPeers } from '../bench-peers.ts';
import { printProfile } from '../bench-profile.ts';
import { addDeviceOptions, applyDeviceOptions, type DeviceOptions } from '../device-options.ts';
import { wholeNumber } from '../numbers.ts';
import { note, printJson } from '../output.ts';

interface BenchFlags extends DeviceOptions {
  readonly rounds?: string;
  readonly shape?: string;
  readonly plot?: string;
  readonly peers?: boolean;
  readonly only?: string;
  readonly python?: string;
  readonly out: string;
  readonly profile?: string;
  readonly precision: string;
  readonly data?: string;
  readonly json?: boolean;
}

export function registerBench(program: Command): void {
  const command = program
    .command('bench')
    .description(`measure speed and memory: ${[...benches.keys()].join(', ')}`)
    .argument('[names...]', `benchmarks to run; all but ${[...namedBenches].join(', ')} by default`)
    .option('--rounds <n>', 'measured rounds, medians are printed: 11, beside peers 5')
    .option('--profile <name>', `where the time goes, op by op: ${[...profiledBenches.keys()].join(', ')}`)
    .option('--precision <name>', `of training: ${precisions.join(', ')}`, 'fp32')
    .option('--data <file>', 'text that char-gpt and tokenizers learn from; HEED_BENCH_TEXT by default')
    .option('--shape <MxNxK>', 'one shape of gemm, At or Bt after it for a transposed operand')
    .option('--plot <file.svg>', `a picture of ${[...plots.keys()].join(' or ')}`)
    .option('--peers', 'heed and the peers in bench/peers in turns; the goals, and results in a file')
    .option('--only <name>', 'one work of --peers, or all whose names begin so')
    .option('--python <path>', 'the Python that has PyTorch; HEED_PYTHON or bench/peers/venv by default')
    .option('--out <file>', 'where --peers writes its results', 'bench/results.json')
    .option('--json', 'print one JSON object per line');
  addDeviceOptions(command)
    .addHelpText(
      'after',
      '\nExamples:\n  $ heed bench train-base256 train-tiny --json\n  $ heed bench --profile train-base256',
    )
    .action(bench);
}

function bench(names: string[], flags: BenchFlags): void {
  const rounds = wholeNumber(flags.rounds ?? (flags.peers ? '5' : '11'), '--rounds');
  for (const name of names) if (!benches.has(name)) throw unknown('bench', name, [...benches.keys()]);
  applyDeviceOptions(flags);
  if (flags.peers) {
    const { only, python, out, json = false } = flags;
    benchPeers({ rounds, only, python, data: textFile(flags), out, json });
  } else if (flags.profile === undefined) runBenches(names, rounds, flags);
  else profile(flags.profile, rounds, flags);
}

function runBenches(names: readonly string[], rounds: number, flags: BenchFlags): void {
  const device = defaultDevice();
  const precision = precisionOf(flags.precision);
  checkPrecision(precision, device, '--precision');
  const data = textFile(flags);
  const shape = flags.shape === undefined ? undefined : parseShape(flags.shape);
  for (const [name, run] of benches) {
    if (names.length > 0 ? !names.includes(name) : namedBenches.has(name)) continue;
    const lines: BenchLine[] = [];
    for (const line of run(name, { device, rounds, precision, data, shape })) {
      lines.push(line);
      if (flags.json) printJson(line);
      else process.stdout.write(`${describe(line)}\n`);
    }
    const plot = plots.get(name);
    if (plot && flags.plot) writeFileSync(flags.plot, plot(lines));
  }
  for (const [op, calls] of fallbackCounts())
    note(`note: ${op} has no kernel on ${device.name}: ${calls} calls ran the reference`);
}

function textFile({ data }: BenchFlags): string | undefined {
  return data ?? process.env.HEED_BENCH_TEXT;
}

function precisionOf(name: string): Precision {
  const known = precisions.find((precision) => precision === name);
  if (known === undefined) throw unknown('--precision', name, precisions);
  return known;
}

function unknown(where: string, name: string, known: readonly string[]): ConfigError {
  return new ConfigError({ where, expected: 'a known name', got: `"${name}"`, hint: suggest(name, known) });
}

function describe(line: BenchLine): string {
  return Object.entries(line)
    .filter(([, value]) => value !== '')
    .map(([key, value]) => (key === 'name' ? String(value).padEnd(16) : `${key} ${short(value)}`))
    .join('  ');
}

function short(value: string | number): string {
  if (typeof value === 'string' || Number.isInteger(value)) return String(value);
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

function profile(name: string, runs: number, flags: BenchFlags): void {
  const works = profiledBenches.get(name);
  if (!works) throw unknown('bench --profile', name, [...profiledBenches.keys()]);
  const device = defaultDevice();
  const precision = precisionOf(flags.precision);
  checkPrecision(precision, device, '--precision');
  printProfile({ name, works: works({ device, precision }), device, runs, json: flags.json ?? false });
}
