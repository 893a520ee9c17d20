/** `heed quantize`: a trained model with weights of eight or four bits, and what that costs. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { readParallel } from '../../data/readers.ts';
import { readText } from '../../data/running-text.ts';
import { ConfigError, HeedError } from '../../errors.ts';
import { getMetric } from '../../metrics/registry.ts';
import { layoutOf, type QuantizedType } from '../../ops/quantized-linear/panels.ts';
import { heldOutScoring, pairScoring, type Scoring, textScoring } from '../../train/held-out.ts';
import { loadStored, type StoredModel } from '../../train/load-model.ts';
import { type ModelFigures, type QuantizeReport, quantizeModel } from '../../train/quantize-model.ts';
import { addDeviceOptions, applyDeviceOptions, type DeviceOptions } from '../device-options.ts';
import { byteSize, formatMetric, maxBeamSize, metricLabel, wholeNumber } from '../numbers.ts';
import { note, printJson } from '../output.ts';

interface QuantizeFlags extends DeviceOptions {
  readonly dtype: string;
  readonly out: string;
  readonly source?: string;
  readonly target?: string;
  readonly metrics?: string;
  readonly beamSize: string;
  readonly maxExamples?: string;
  readonly text?: string;
  readonly json?: boolean;
}

const examples = `
Examples:
  $ heed quantize runs/pronounce --dtype int8 --out models/pronounce-int8
  $ heed quantize runs/multi30k --dtype int4 --out small --source test.de --target test.en --metrics bleu
  $ heed quantize runs/shakespeare --dtype int8 --out small --text held-out.txt`;

export function registerQuantize(program: Command): void {
  const command = program
    .command('quantize')
    .description('save a model with int8 or int4 weights, scored before and after')
    .argument('<model>', 'folder of a run or a model')
    .requiredOption('--dtype <name>', 'int8 (a scale for each row) or int4 (one for each group of 32)')
    .requiredOption('--out <folder>', 'new folder of the quantised model')
    .option('--source <file>', "texts to score with, one a line; the run's own held-out ones by default")
    .option('--target <file>', 'what they should become')
    .option('--metrics <names>', 'separated by commas: bleu, chrf, wer, …')
    .option('--beam-size <n>', 'with --source: hypotheses kept; 1 is greedy', '1')
    .option('--max-examples <n>', 'with --source: score with the first ones only')
    .option('--text <file>', 'for a language model: a running text to score with')
    .option('--json', 'print one JSON object');
  addDeviceOptions(command)
    .addHelpText('after', examples)
    .action((model: string, flags: QuantizeFlags) => run(model, flags));
}

async function run(path: string, flags: QuantizeFlags): Promise<void> {
  const dtype = flags.dtype as QuantizedType;
  layoutOf(dtype);
  if (existsSync(flags.out)) {
    throw new ConfigError({
      where: '--out',
      expected: 'a new folder',
      got: `${flags.out}, which is there already`,
      hint: 'name another, or move it away',
    });
  }
  applyDeviceOptions(flags);
  const stored = loadStored(path, { onNote: (text) => note(`note: ${text}`) });
  const report = quantizeModel(stored, {
    dtype,
    out: flags.out,
    scoring: () => scoring(path, stored, flags),
  });
  if (flags.json) printJson({ out: flags.out, ...report });
  else process.stdout.write(table(report, flags.out));
}

/** From the options, else from the run; without either a model is quantised without scores. */
function scoring(path: string, stored: StoredModel, flags: QuantizeFlags): Scoring | undefined {
  if (flags.source !== undefined) return ofTranslations(stored, flags);
  if (flags.text !== undefined) return ofText(stored, flags.text);
  const without = (reason: string): undefined => {
    note(`note: no scores: ${reason}`);
    return undefined;
  };
  try {
    const found = heldOutScoring(path, stored);
    return 'reason' in found ? without(found.reason) : found;
  } catch (error) {
    if (!(error instanceof HeedError)) throw error;
    return without(`the run's data cannot be read: ${error.statement}`);
  }
}

function ofTranslations(stored: StoredModel, flags: QuantizeFlags): Scoring {
  const { source, target, metrics, beamSize, maxExamples } = flags;
  if (target === undefined || metrics === undefined) {
    throw new ConfigError({
      where: '--source',
      expected: '--target and --metrics beside it',
      got: target === undefined ? 'no --target' : 'no --metrics',
      hint: 'as in --source test.de --target test.en --metrics bleu',
    });
  }
  const names = metrics.split(',').map((name) => name.trim());
  for (const name of names) getMetric(name);
  const width = wholeNumber(beamSize, '--beam-size', 1, maxBeamSize);
  const most = maxExamples === undefined ? {} : { maxExamples: wholeNumber(maxExamples, '--max-examples') };
  return (
    pairScoring(stored, {
      examples: readParallel({ format: 'parallel', source: source!, target }),
      section: { beamSize: width, lengthPenalty: 0.6, metrics: names, ...most },
    }) ?? refuse('--source', 'a model that translates', stored)
  );
}

function ofText(stored: StoredModel, file: string): Scoring {
  return textScoring(stored, readText(file)) ?? refuse('--text', 'a language model', stored);
}

function refuse(where: string, expected: string, { checkpoint }: StoredModel): never {
  const got = `one of kind "${checkpoint.facts.model.kind}"`;
  throw new ConfigError({ where, expected, got, hint: 'leave it out: what the run held out is taken then' });
}

function table({ dtype, count, unit, before, after }: QuantizeReport, out: string): string {
  const line = (name: string, value: (figures: ModelFigures) => string): string =>
    `${name.padEnd(14)}${value(before).padStart(12)}${value(after).padStart(12)}\n`;
  const scores = Object.keys(before.metrics).map((name) =>
    line(metricLabel(name), ({ metrics }) => formatMetric(name, metrics[name]!)),
  );
  const head = `${''.padEnd(14)}${'float'.padStart(12)}${dtype.padStart(12)}\n`;
  const size = line('weights', ({ bytes }) => byteSize(bytes));
  const examplesText = count > 0 ? `scored on ${count.toLocaleString('en')} held-out ${unit}\n` : '';
  return `${head}${size}${scores.join('')}${examplesText}written to ${out}\n`;
}
