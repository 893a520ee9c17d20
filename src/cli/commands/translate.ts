/** `heed translate`: a line in, a line out, in order, as they come. */
import { createReadStream, createWriteStream } from 'node:fs';
import type { Command } from 'commander';
import { streamLines } from '../../data/lines.ts';
import type { Translation } from '../../generate/translator.ts';
import { loadModel } from '../../train/load-model.ts';
import { addDeviceOptions, applyDeviceOptions, type DeviceOptions } from '../device-options.ts';
import { realNumber, wholeNumber } from '../numbers.ts';
import { note } from '../output.ts';

interface TranslateFlags extends DeviceOptions {
  readonly input?: string;
  readonly output?: string;
  readonly beamSize: string;
  readonly lengthPenalty: string;
  readonly nBest: string;
  readonly maxNewTokens?: string;
  readonly alignments?: boolean;
  readonly batch: string;
  readonly strict?: boolean;
  readonly json?: boolean;
}

const examples = `
Examples:
  $ echo attention | heed translate runs/pronounce
  $ heed translate runs/pronounce --input words.txt --output phonemes.txt --beam-size 5
  $ heed translate runs/pronounce --n-best 3 --beam-size 5 --json < words.txt`;

export function registerTranslate(program: Command): void {
  const command = program
    .command('translate')
    .description('translate lines with a trained model')
    .argument('<model>', 'folder of a run or a model')
    .option('--input <file>', 'read lines from a file instead of standard input')
    .option('--output <file>', 'write to a file instead of standard output')
    .option('--beam-size <n>', 'hypotheses kept; 1 is greedy', '1')
    .option('--length-penalty <a>', 'exponent of ((5 + length)/6)^a', '0.6')
    .option('--n-best <n>', 'results for each line, separated by tabs with their scores', '1')
    .option('--max-new-tokens <n>', 'most tokens of a result')
    .option('--alignments', 'with --json, also the cross-attention')
    .option('--batch <n>', 'lines that are collected before they are translated', '256')
    .option('--strict', 'exit with code 3 instead of falling back to an older checkpoint')
    .option('--json', 'print one JSON object per line');
  addDeviceOptions(command)
    .addHelpText('after', examples)
    .action((model: string, flags: TranslateFlags) => translate(model, flags));
}

async function translate(path: string, flags: TranslateFlags): Promise<void> {
  const options = {
    beamSize: wholeNumber(flags.beamSize, '--beam-size'),
    lengthPenalty: realNumber(flags.lengthPenalty, '--length-penalty'),
    nBest: wholeNumber(flags.nBest, '--n-best'),
    alignments: flags.alignments ?? false,
    ...(flags.maxNewTokens !== undefined && {
      maxNewTokens: wholeNumber(flags.maxNewTokens, '--max-new-tokens'),
    }),
  };
  const most = wholeNumber(flags.batch, '--batch');
  applyDeviceOptions(flags);
  const model = await loadModel(path, {
    strict: flags.strict ?? false,
    onNote: (text) => note(`note: ${text}`),
  });
  const write = writer(flags.output);
  const input = flags.input === undefined ? process.stdin : createReadStream(flags.input);
  const lines = streamLines(input, flags.input ?? 'standard input', { allowEmpty: true });
  let truncated = 0;
  for await (const batch of batches(lines, most)) {
    const results = await model.translate(batch, options);
    truncated += results.filter((result) => result.truncated).length;
    await write.lines(results.map((result) => format(result, flags)));
  }
  await write.end();
  if (truncated > 0) note(`note: ${truncated} lines were longer than the model takes and lost their end`);
}

/** Lines in groups: as many as are there already, at most `most`, so that a person typing gets an answer at once. */
async function* batches(lines: AsyncGenerator<string>, most: number): AsyncGenerator<string[]> {
  let batch: string[] = [];
  let pending = lines.next();
  for (;;) {
    const waiting = Symbol('waiting');
    const next = batch.length > 0 ? await Promise.race([pending, idle(waiting)]) : await pending;
    if (next === waiting) {
      yield batch;
      batch = [];
      continue;
    }
    const { value, done } = next as IteratorResult<string>;
    if (done) break;
    batch.push(value);
    pending = lines.next();
    if (batch.length < most) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** Resolves once everything that has arrived has been handled. */
function idle<T>(value: T): Promise<T> {
  return new Promise((resolve) => setTimeout(resolve, 20, value));
}

function format(result: Translation, { json }: TranslateFlags): string {
  if (json) {
    const { source, text, tokens, score, nBest, alignment, truncated } = result;
    return JSON.stringify({ source, text, tokens, score, nBest, ...(alignment && { alignment }), truncated });
  }
  if (result.nBest.length === 1) return result.text;
  return result.nBest.map(({ text, score }) => `${text}\t${score.toFixed(4)}`).join('\t');
}

function writer(path: string | undefined): {
  lines(lines: readonly string[]): Promise<void>;
  end(): Promise<void>;
} {
  const stream = path === undefined ? process.stdout : createWriteStream(path);
  const failed = new Promise<never>((_, reject) => stream.once('error', reject));
  failed.catch(() => {});
  return {
    lines: (lines) => {
      const written = stream.write(lines.map((line) => `${line}\n`).join(''));
      return written
        ? Promise.resolve()
        : Promise.race([failed, new Promise<void>((resolve) => stream.once('drain', resolve))]);
    },
    end: () =>
      path === undefined
        ? Promise.resolve()
        : Promise.race([failed, new Promise<void>((resolve) => stream.end(resolve))]),
  };
}
