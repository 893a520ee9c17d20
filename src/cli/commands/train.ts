/** `heed train`: trains an experiment from its YAML file. */
import { join } from 'node:path';
import type { Command } from 'commander';
import { writeReport } from '../../report/index.ts';
import type { Experiment } from '../../train/config/schema.ts';
import { loadExperiment } from '../../train/config/validate.ts';
import { type TrainResult, trainExperiment } from '../../train/run.ts';
import { addDeviceOptions, applyDeviceOptions, type DeviceOptions } from '../device-options.ts';
import { listenForInterrupt } from '../interrupt.ts';
import { clock, metricLabel, metricLine, wholeNumber } from '../numbers.ts';
import { note, printJson } from '../output.ts';
import { trainingView } from '../training-view.ts';

interface TrainFlags extends DeviceOptions {
  readonly out?: string;
  readonly set: string[];
  readonly resume?: boolean;
  readonly seed?: string;
  readonly strict?: boolean;
  readonly json?: boolean;
}

const examples = `
Examples:
  $ heed train recipes/pronounce.yaml
  $ heed train recipes/pronounce.yaml --out runs/small --set model.dModel=64 --set training.maxSteps=200
  $ heed train recipes/pronounce.yaml --out runs/small --resume`;

export function registerTrain(program: Command): void {
  const command = program
    .command('train')
    .description('train an experiment that a YAML file describes')
    .argument('<config>', 'YAML file, such as recipes/pronounce.yaml')
    .option('--out <dir>', 'folder of the run; runs/<name> by default')
    .option(
      '--set <a.b=value>',
      'put a value over the file; may be repeated',
      (value, all: string[]) => [...all, value],
      [],
    )
    .option('--resume', 'go on from the newest checkpoint')
    .option('--seed <n>', 'put over training.seed')
    .option('--strict', 'exit with code 3 instead of falling back to an older checkpoint')
    .option('--json', 'print one JSON object per event');
  addDeviceOptions(command)
    .addHelpText('after', examples)
    .action((config: string, flags: TrainFlags) => train(config, flags));
}

async function train(config: string, flags: TrainFlags): Promise<void> {
  const seed = flags.seed === undefined ? [] : [`training.seed=${wholeNumber(flags.seed, '--seed', 0)}`];
  const experiment = loadExperiment(config, [...flags.set, ...seed]);
  applyDeviceOptions(flags);
  const folder = flags.out ?? join('runs', experiment.name);
  const result = await runTraining(experiment, folder, { ...flags, again: resumeCommand(config, flags) });
  if (result.outcome === 'finished') await printResult(experiment, result, flags.json ?? false);
}

/** The command that goes on with a run: the same one with `--resume`. */
function resumeCommand(config: string, { out, seed, device, threads, set }: TrainFlags): string {
  const options = Object.entries({ out, seed, device, threads }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, value],
  );
  const settings = set.flatMap((assignment) => ['--set', assignment]);
  return ['heed', 'train', config, ...options, ...settings, '--resume'].map(shellWord).join(' ');
}

/** A word as a shell reads it back. */
function shellWord(text: string): string {
  return /^[\w./=:@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Trains with a view of the progress and with Ctrl-C handled. */
export async function runTraining(
  experiment: Experiment,
  folder: string,
  options: {
    readonly resume?: boolean;
    readonly strict?: boolean;
    readonly json?: boolean;
    readonly again: string;
  },
): Promise<TrainResult> {
  const view = trainingView(options.json ?? false);
  const { signal, stop } = listenForInterrupt(() =>
    note('\nstopping after this step; press Ctrl-C again to stop at once'),
  );
  try {
    const result = await trainExperiment(experiment, {
      folder,
      resume: options.resume ?? false,
      strict: options.strict ?? false,
      onEvent: (event) => view.show(event),
      signal,
    });
    view.close();
    if (result.outcome === 'interrupted') {
      note(`saved at step ${result.steps} in ${folder}; go on with: ${options.again}`);
      process.exitCode = 130;
    }
    return result;
  } finally {
    view.close();
    stop();
  }
}

/** The result, samples, published numbers and the folder, for people or as one JSON line. */
export async function printResult(experiment: Experiment, result: TrainResult, json: boolean): Promise<void> {
  const report = await writeReport(result.folder);
  if (json) {
    const { folder, steps, seconds, metrics } = result;
    return printJson({ type: 'result', folder, report, steps, seconds, metrics });
  }
  const lines = [
    `\n${metricLine(result.metrics) || 'done'}   (${result.steps} steps in ${clock(result.seconds)})`,
  ];
  for (const { name, value, note: remark } of experiment.published) {
    lines.push(`  published ${metricLabel(name)} ${value}${remark ? ` (${remark})` : ''}`);
  }
  if (result.samples.length > 0) lines.push('\nsamples:');
  const width = Math.max(0, ...result.samples.map(({ source }) => source.length));
  for (const { source, hypothesis, correct, references } of result.samples) {
    const verdict = correct ? '' : `   (expected ${references.join(' or ')})`;
    lines.push(`  ${correct ? '✓' : '✗'} ${source.padEnd(width)}  ${hypothesis}${verdict}`);
  }
  lines.push(`\nmodel   ${result.folder}`, `report  ${report}`);
  process.stdout.write(`${lines.join('\n')}\n`);
}
