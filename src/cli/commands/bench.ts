/** `heed bench`: how fast this machine trains and decodes. */
import type { Command } from 'commander';
import {
  type BenchLine,
  benches,
  benchesWithData,
  benchShapes,
  profileKernels,
  trainingStep,
} from '../../bench/index.ts';
import { fallbackCounts } from '../../core/counter.ts';
import { defaultDevice } from '../../core/device.ts';
import { checkPrecision, type Precision, precisions } from '../../core/precision.ts';
import { ConfigError, suggest } from '../../errors.ts';
import { addDeviceOptions, applyDeviceOptions, type DeviceOptions } from '../device-options.ts';
import { wholeNumber } from '../numbers.ts';
import { note, printJson } from '../output.ts';

interface BenchFlags extends DeviceOptions {
  readonly rounds: string;
  readonly profile?: string;
  readonly precision: string;
  readonly data?: string;
  readonly json?: boolean;
}

export function registerBench(program: Command): void {
  const command = program
    .command('bench')
    .description(`measure speed and memory: ${[...benches.keys()].join(', ')}`)
    .argument('[names...]', 'benchmarks to run; all that need no data by default')
    .option('--rounds <n>', 'measured rounds; medians are printed', '11')
    .option('--profile <shape>', `where a training step's time goes: ${Object.keys(benchShapes).join(', ')}`)
    .option('--precision <name>', `of training: ${precisions.join(', ')}`, 'fp32')
    .option('--data <file>', 'text that char-gpt learns from; HEED_BENCH_TEXT by default')
    .option('--json', 'print one JSON object per line');
  addDeviceOptions(command)
    .addHelpText(
      'after',
      '\nExamples:\n  $ heed bench train-base256 train-tiny --json\n  $ heed bench --profile base256',
    )
    .action(bench);
}

function bench(names: string[], flags: BenchFlags): void {
  const rounds = wholeNumber(flags.rounds, '--rounds');
  for (const name of names) if (!benches.has(name)) throw unknown('bench', name, [...benches.keys()]);
  applyDeviceOptions(flags);
  if (flags.profile === undefined) runBenches(names, rounds, flags);
  else profile(flags.profile, flags);
}

function runBenches(names: readonly string[], rounds: number, flags: BenchFlags): void {
  const device = defaultDevice();
  const precision = precisionOf(flags.precision);
  checkPrecision(precision, device, '--precision');
  const data = flags.data ?? process.env.HEED_BENCH_TEXT;
  for (const [name, run] of benches) {
    if (names.length > 0 ? !names.includes(name) : benchesWithData.has(name)) continue;
    for (const line of run(name, { device, rounds, precision, data })) {
      if (flags.json) printJson(line);
      else process.stdout.write(`${describe(line)}\n`);
    }
  }
  for (const [op, calls] of fallbackCounts())
    note(`note: ${op} has no kernel on ${device.name}: ${calls} calls ran the reference`);
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

function profile(shape: string, flags: BenchFlags): void {
  if (!Object.hasOwn(benchShapes, shape)) throw unknown('bench --profile', shape, Object.keys(benchShapes));
  const device = defaultDevice();
  const step = trainingStep(benchShapes[shape as keyof typeof benchShapes], device);
  for (let i = 0; i < 3; i++) step();
  const { kernels, milliseconds } = profileKernels(device, step);
  const inKernels = kernels.reduce((total, kernel) => total + kernel.milliseconds, 0);
  const rows = [
    ...kernels,
    { kernel: '(outside kernels)', calls: 1, milliseconds: milliseconds - inKernels },
  ];
  for (const row of rows) {
    if (flags.json) printJson({ name: `profile-${shape}`, ...row });
    else
      process.stdout.write(
        `${row.kernel.padEnd(36)} ${String(row.calls).padStart(5)} calls ${row.milliseconds.toFixed(2).padStart(9)} ms\n`,
      );
  }
}
