/** `heed compare`: arms of an experiment over their seeds, with confidence intervals. */
import type { Command } from 'commander';
import type { MeanInterval } from '../../metrics/intervals.ts';
import { type Arm, compareRuns, readFinishedRun } from '../../train/compare.ts';
import { note, printJson } from '../output.ts';

const EXAMPLE = `
Runs whose configurations differ in the seed only are one arm; the first run's arm is the one that others are
compared with, seed by seed. Intervals are Student's, 95 %.

Example:
  heed compare runs/sinusoidal-1 runs/sinusoidal-2 runs/sinusoidal-3 runs/rope-1 runs/rope-2 runs/rope-3`;

/** Adds the command to the program. */
export function registerCompare(program: Command): void {
  program
    .command('compare')
    .description('compare finished runs: means over seeds, intervals, differences to the first arm')
    .argument('<runs...>', 'folders of finished runs')
    .option('--json', 'print one JSON object for each arm')
    .addHelpText('after', EXAMPLE)
    .action(compare);
}

function compare(folders: readonly string[], { json }: { readonly json?: boolean }): void {
  const arms = compareRuns(folders.map(readFinishedRun));
  if (json) for (const arm of arms) printJson(summary(arm));
  else process.stdout.write(table(arms));
  const lone = arms.filter(({ runs }) => runs.length < 2);
  if (Object.keys(arms[0]?.scores ?? {}).length === 0) note('these runs have no metric in common');
  if (lone.length > 0) note(`one seed says nothing about chance: ${lone.map(({ name }) => name).join(', ')}`);
}

function summary({ name, runs, scores }: Arm): object {
  const seeds = runs.map(({ seed }) => seed);
  return { arm: name, seeds, folders: runs.map(({ folder }) => folder), scores };
}

const spread = ({ mean, high }: MeanInterval): string => `± ${(high - mean).toFixed(2)}`;

function difference(interval: MeanInterval | undefined): string {
  if (!interval) return '';
  const { mean, low, high } = interval;
  const sign = mean < 0 ? '−' : '+';
  const sure = low > 0 || high < 0 ? '' : ', may be chance';
  return `${sign}${Math.abs(mean).toFixed(2)} ${spread(interval)}${sure}`;
}

function table(arms: readonly Arm[]): string {
  const metrics = Object.keys(arms[0]?.scores ?? {});
  const rows = arms.map(({ name, runs, scores }) => [
    name,
    String(runs.length),
    ...metrics.flatMap((metric) => {
      const score = scores[metric]!;
      const own = `${score.mean.toFixed(2)}${score.interval ? ` ${spread(score.interval)}` : ''}`;
      return [own, difference(score.difference)];
    }),
  ]);
  const head = ['arm', 'seeds', ...metrics.flatMap((metric) => [metric, 'to the first'])];
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i]!.length)));
  return [head, ...rows]
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i]!))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
