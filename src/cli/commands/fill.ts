/** `heed fill`: a line with masks in, the line with the likeliest tokens in their places out. */
import type { Command } from 'commander';
import { type FilledText, fillText } from '../../generate/fill-mask.ts';
import { loadMaskedLanguageModel } from '../../train/load-model.ts';
import { addDeviceOptions, applyDeviceOptions, type DeviceOptions } from '../device-options.ts';
import { fromLine, inputLines } from '../input-lines.ts';
import { lineWriter } from '../line-writer.ts';
import { wholeNumber } from '../numbers.ts';
import { note } from '../output.ts';

interface FillFlags extends DeviceOptions {
  readonly input?: string;
  readonly output?: string;
  readonly top: string;
  readonly strict?: boolean;
  readonly json?: boolean;
}

const examples = `
Examples:
  $ echo "to be or not to [MASK]" | heed fill runs/cloze
  $ heed fill runs/cloze --json --top 3 < lines.txt`;

export function registerFill(program: Command): void {
  const command = program
    .command('fill')
    .description('fill the masks of texts with a trained masked language model')
    .argument('<model>', 'folder of a run or a model')
    .option('--input <file>', 'read texts, one a line, from a file instead of standard input')
    .option('--output <file>', 'write to a file instead of standard output')
    .option('--top <n>', 'with --json: tokens that are listed for each mask', '5')
    .option('--strict', 'exit with code 3 instead of falling back to an older checkpoint')
    .option('--json', 'print one JSON object per text, with the likeliest tokens of each mask');
  addDeviceOptions(command)
    .addHelpText('after', examples)
    .action((model: string, flags: FillFlags) => fill(model, flags));
}

async function fill(path: string, flags: FillFlags): Promise<void> {
  const topK = wholeNumber(flags.top, '--top');
  const write = lineWriter(flags.output, flags.input);
  applyDeviceOptions(flags);
  const { model, tokenizer } = await loadMaskedLanguageModel(path, {
    strict: flags.strict ?? false,
    onNote: (text) => note(`note: ${text}`),
  });
  const { mask } = tokenizer.specialTokens;
  const word = mask === undefined ? '' : tokenizer.token(mask);
  let number = 0;
  for await (const line of inputLines(flags.input)) {
    number++;
    // A text without a mask stays as it is, so that line n of the output belongs to line n of the input.
    const isFull = !line.includes(word);
    const result: FilledText = isFull
      ? { text: line, masks: [] }
      : fromLine(flags.input, number, () => fillText(model, tokenizer, line, { topK }));
    await write.lines([flags.json ? JSON.stringify({ source: line, ...result }) : result.text]);
  }
  await write.end();
}
