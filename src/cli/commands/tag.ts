/** `heed tag`: a sentence in, its tokens with their tags out. */
import type { Command } from 'commander';
import type { TaggedTokens } from '../../generate/tagger.ts';
import { loadTagger } from '../../train/load-model.ts';
import { addDeviceOptions, applyDeviceOptions, type DeviceOptions } from '../device-options.ts';
import { inputLines } from '../input-lines.ts';
import { lineBatches } from '../line-batches.ts';
import { lineWriter } from '../line-writer.ts';
import { note } from '../output.ts';

interface TagFlags extends DeviceOptions {
  readonly input?: string;
  readonly output?: string;
  readonly characters?: boolean;
  readonly strict?: boolean;
  readonly json?: boolean;
}

/** Sentences that go through the model together. */
const BATCH = 256;

const examples = `
Examples:
  $ echo "Anna lives in Rome" | heed tag runs/names
  $ heed tag runs/resume-tagger --characters --json < resumes.txt`;

export function registerTag(program: Command): void {
  const command = program
    .command('tag')
    .description('tag the tokens of sentences with a trained tagger')
    .argument('<model>', 'folder of a run or a model')
    .option('--input <file>', 'read sentences, one a line, from a file instead of standard input')
    .option('--output <file>', 'write to a file instead of standard output')
    .option('--characters', 'every character is a token; they are separated by spaces without it')
    .option('--strict', 'exit with code 3 instead of falling back to an older checkpoint')
    .option('--json', 'print one JSON object per sentence, with the spans that the tags stand for');
  addDeviceOptions(command)
    .addHelpText('after', examples)
    .action((model: string, flags: TagFlags) => tag(model, flags));
}

async function tag(path: string, flags: TagFlags): Promise<void> {
  const write = lineWriter(flags.output, flags.input);
  applyDeviceOptions(flags);
  const tagger = await loadTagger(path, {
    strict: flags.strict ?? false,
    onNote: (text) => note(`note: ${text}`),
  });
  for await (const batch of lineBatches(inputLines(flags.input), BATCH)) {
    const results = tagger.tag(batch.map((line) => tokensOf(line, flags)));
    await write.lines(results.map((result) => format(result, flags)));
  }
  await write.end();
}

function tokensOf(line: string, { characters }: TagFlags): string[] {
  if (characters) return [...line].filter((character) => character.trim() !== '');
  return line.split(/\s+/u).filter((token) => token !== '');
}

function format({ tokens, tags, spans }: TaggedTokens, { json, characters }: TagFlags): string {
  if (!json) return tokens.map((token, i) => `${token}/${tags[i]}`).join(' ');
  const between = characters ? '' : ' ';
  const texts = spans.map((span) => ({ ...span, text: tokens.slice(span.start, span.end).join(between) }));
  return JSON.stringify({ tokens, tags, spans: texts });
}
