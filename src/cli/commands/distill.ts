/** `heed distill`: what a trained model says to its training sources, as data for another model. */
import type { Command } from 'commander';
import { readLines } from '../../data/lines.ts';
import { trainingSources } from '../../train/distill.ts';
import { loadModel } from '../../train/load-model.ts';
import { addDeviceOptions, applyDeviceOptions, type DeviceOptions } from '../device-options.ts';
import { lineWriter } from '../line-writer.ts';
import { maxBeamSize, realNumber, wholeNumber } from '../numbers.ts';
import { countTruncated, note, noteTruncated } from '../output.ts';

interface DistillFlags extends DeviceOptions {
  readonly input?: string;
  readonly output: string;
  readonly beamSize: string;
  readonly lengthPenalty: string;
  readonly strict?: boolean;
}

/** Texts that are translated before they are written. */
const BATCH = 1024;

const example = `
Example:
  $ heed distill runs/teacher --output distilled.jsonl --beam-size 5
  and in the student's experiment: train: { format: jsonl, path: distilled.jsonl }`;

export function registerDistill(program: Command): void {
  const command = program
    .command('distill')
    .description('translate the training data of a model, for another model to learn from')
    .argument('<model>', 'folder of a run')
    .requiredOption('--output <file>', 'JSON lines with source and target')
    .option('--input <file>', 'sources, one a line, instead of those that the run was trained on')
    .option('--beam-size <n>', 'hypotheses kept; 1 is greedy', '5')
    .option('--length-penalty <a>', 'exponent of ((5 + length)/6)^a', '0.6')
    .option('--strict', 'exit with code 3 instead of falling back to an older checkpoint');
  addDeviceOptions(command)
    .addHelpText('after', example)
    .action((model: string, flags: DistillFlags) => distill(model, flags));
}

async function distill(path: string, flags: DistillFlags): Promise<void> {
  const beamSize = wholeNumber(flags.beamSize, '--beam-size', 1, maxBeamSize);
  const lengthPenalty = realNumber(flags.lengthPenalty, '--length-penalty');
  applyDeviceOptions(flags);
  const sources = flags.input === undefined ? trainingSources(path) : readLines(flags.input);
  const model = await loadModel(path, {
    strict: flags.strict ?? false,
    onNote: (text) => note(`note: ${text}`),
  });
  const write = lineWriter(flags.output, flags.input);
  let truncated = 0;
  for (let from = 0; from < sources.length; from += BATCH) {
    const results = await model.translate(sources.slice(from, from + BATCH), { beamSize, lengthPenalty });
    truncated += countTruncated(results);
    // Nothing can be learnt from an empty answer.
    const said = results.filter(({ text }) => text !== '');
    await write.lines(said.map(({ source, text }) => JSON.stringify({ source, target: text })));
  }
  await write.end();
  noteTruncated(truncated);
  note(`${sources.length} sources translated to ${flags.output}`);
}
