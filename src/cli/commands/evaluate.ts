/** `heed evaluate`: translates a file with a model and scores it against references. */
import type { Command } from 'commander';
import { readExamples } from '../../data/readers.ts';
import { getMetric } from '../../metrics/registry.ts';
import { evaluateExamples } from '../../train/evaluate.ts';
import { loadModel } from '../../train/load-model.ts';
import { addDeviceOptions, applyDeviceOptions, type DeviceOptions } from '../device-options.ts';
import { maxBeamSize, metricLine, realNumber, wholeNumber } from '../numbers.ts';
import { countTruncated, note, noteTruncated, printJson } from '../output.ts';

interface EvaluateFlags extends DeviceOptions {
  readonly source: string;
  readonly target: string[];
  readonly metrics: string;
  readonly beamSize: string;
  readonly lengthPenalty: string;
  readonly lowercase?: boolean;
  readonly strict?: boolean;
  readonly json?: boolean;
}

const example = `
Example:
  $ heed evaluate runs/pronounce --source words.txt --target phonemes.txt --metrics per,ser --beam-size 4`;

export function registerEvaluate(program: Command): void {
  const command = program
    .command('evaluate')
    .description('translate a file with a trained model and score the result')
    .argument('<model>', 'folder of a run or a model')
    .requiredOption('--source <file>', 'source texts, one a line; CoNLL-U for a model of trees')
    .requiredOption('--target <file>', 'what they should become; may be repeated', collect)
    .requiredOption(
      '--metrics <names>',
      'separated by commas: bleu, chrf, chrf++, wer, per, cer, ser, exact-match',
    )
    .option('--beam-size <n>', 'hypotheses kept; 1 is greedy', '1')
    .option('--length-penalty <a>', 'exponent of ((5 + length)/6)^a', '0.6')
    .option('--lowercase', 'compare in lower case')
    .option('--strict', 'exit with code 3 instead of falling back to an older checkpoint')
    .option('--json', 'print one JSON object per metric');
  addDeviceOptions(command)
    .addHelpText('after', example)
    .action((model: string, flags: EvaluateFlags) => evaluate(model, flags));
}

function collect(value: string, all: string[] = []): string[] {
  return [...all, value];
}

async function evaluate(path: string, flags: EvaluateFlags): Promise<void> {
  const names = flags.metrics.split(',').map((name) => name.trim());
  for (const name of names) getMetric(name);
  const beamSize = wholeNumber(flags.beamSize, '--beam-size', 1, maxBeamSize);
  const lengthPenalty = realNumber(flags.lengthPenalty, '--length-penalty');
  applyDeviceOptions(flags);
  const [target, ...references] = flags.target as [string, ...string[]];
  const { translator } = await loadModel(path, {
    strict: flags.strict ?? false,
    onNote: (text) => note(`note: ${text}`),
  });
  const format = translator.model.readsTrees ? 'conllu' : 'parallel';
  const examples = readExamples({ format, source: flags.source, target, references });
  const { reports, translations } = evaluateExamples(translator, examples, {
    beamSize,
    lengthPenalty,
    metrics: names,
    ...(flags.lowercase !== undefined && { lowercase: flags.lowercase }),
  });
  noteTruncated(countTruncated(translations));
  for (const { metric, score, signature } of reports) {
    if (flags.json) printJson({ metric, score, signature, examples: examples.length });
    else process.stdout.write(`${metricLine({ [metric]: score })}   ${signature}\n`);
  }
}
