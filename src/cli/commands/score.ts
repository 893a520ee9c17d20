/** `heed score`: compares a file of hypotheses with files of references. */
import { type Command, InvalidArgumentError } from 'commander';
import { readLines } from '../../data/lines.ts';
import { ConfigError, DataError } from '../../errors.ts';
import {
  type BleuOptions,
  bleuSmoothings,
  bleuTokenizers,
  getMetric,
  type MetricReport,
  metrics,
  referencesByItem,
} from '../../metrics/index.ts';
import { printJson } from '../output.ts';

interface ScoreArguments extends Pick<BleuOptions, 'tokenize' | 'smooth' | 'smoothValue' | 'lowercase'> {
  readonly hypothesis: string;
  readonly reference: readonly string[];
  readonly metrics: string;
  readonly json?: boolean;
}

const EXAMPLE = `
Every score is in percent. Line i of every reference file is one accepted reference of line i of the hypotheses.
With several references, wer, per and cer take the one with the fewest edits, and on a tie the shortest.

Example:
  heed score --hypothesis out.de --reference test.de --metrics bleu,chrf++ --json`;

/** Adds the command to the program. */
export function registerScore(program: Command): void {
  program
    .command('score')
    .description('score hypotheses against references: BLEU, chrF, error rates, exact match')
    .requiredOption('--hypothesis <file>', 'one hypothesis per line')
    .requiredOption('--reference <files...>', 'one reference per line; may be given several times')
    .option('--metrics <names>', `any of ${[...metrics.keys()].join(', ')}, separated by commas`, 'bleu,chrf')
    .option('--tokenize <name>', `tokenizer of bleu: ${bleuTokenizers.join(', ')} (default: 13a)`)
    .option('--smooth <name>', `smoothing of bleu: ${bleuSmoothings.join(', ')} (default: exp)`)
    .option('--smooth-value <number>', 'for floor (default: 0.1) and add-k (default: 1)', parseNumber)
    .option('--lowercase', 'ignore case')
    .option('--json', 'print one JSON object per metric')
    .addHelpText('after', EXAMPLE)
    .action(score);
}

function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value)) throw new InvalidArgumentError('expected a number');
  return value;
}

function score(args: ScoreArguments): void {
  const { hypothesis, reference, metrics: list, json, ...options } = args;
  const names = list.split(',').map((name) => name.trim());
  const chosen = names.map(getMetric);
  refuseUnusedOptions(options, names);
  const hypotheses = readLines(hypothesis);
  const references = referencesByItem(reference.map((file) => readPaired(file, hypothesis, hypotheses)));
  const reports = chosen.map((metric) => metric.compute(hypotheses, references, options));
  if (json) for (const { details, ...report } of reports) printJson({ ...report, ...details });
  else process.stdout.write(table(reports));
}

function refuseUnusedOptions(options: BleuOptions, names: readonly string[]): void {
  if (names.includes('bleu')) return;
  for (const option of ['tokenize', 'smooth', 'smoothValue'] as const) {
    if (options[option] === undefined) continue;
    const flag = `--${option === 'smoothValue' ? 'smooth-value' : option}`;
    throw new ConfigError({ where: flag, expected: 'bleu among --metrics', got: names.join(',') });
  }
}

function readPaired(file: string, hypothesisFile: string, hypotheses: readonly string[]): string[] {
  const lines = readLines(file);
  if (lines.length === hypotheses.length) return lines;
  const line = Math.min(lines.length, hypotheses.length) + 1;
  const longer = lines.length > hypotheses.length ? file : hypothesisFile;
  throw new DataError({
    where: file,
    expected: `${hypotheses.length} lines, as in ${hypothesisFile}`,
    got: `${lines.length} lines`,
    hint: `line ${line} of ${longer} is the first without a partner`,
    file,
    line,
  });
}

function table(reports: readonly MetricReport[]): string {
  const rows = [
    ['metric', 'score', 'signature'],
    ...reports.map(({ metric, score, signature }) => [metric, score.toFixed(2), signature]),
  ] as [string, string, string][];
  const nameWidth = Math.max(...rows.map(([name]) => name.length));
  const scoreWidth = Math.max(...rows.map(([, score]) => score.length));
  return rows
    .map(([name, score, rest]) => `${name.padEnd(nameWidth)}  ${score.padStart(scoreWidth)}  ${rest}\n`)
    .join('');
}
