/** `heed generate`: continues texts with a language model. */
import type { Command } from 'commander';
import { ConfigError } from '../../errors.ts';
import type { Guessing } from '../../generate/parallel/guessing.ts';
import type { GeneratedText, TextGenerator, TextOptions } from '../../generate/text-generator.ts';
import { degeneration } from '../../metrics/degeneration.ts';
import type { CausalLanguageModel } from '../../models/language-model.ts';
import { loadLanguageModel } from '../../train/load-model.ts';
import { addDeviceOptions, applyDeviceOptions, type DeviceOptions } from '../device-options.ts';
import {
  addGuessingOptions,
  checkSameVocabulary,
  type GuessingFlags,
  guessingOptions,
} from '../guessing-options.ts';
import { fromLine, inputLines } from '../input-lines.ts';
import { lineBatches } from '../line-batches.ts';
import { type LineWriter, lineWriter } from '../line-writer.ts';
import { maxBeamSize, wholeNumber } from '../numbers.ts';
import { note } from '../output.ts';
import { addSamplingOptions, type SamplingFlags, samplingOptions } from '../sampling-options.ts';

interface GenerateFlags extends DeviceOptions, SamplingFlags, GuessingFlags {
  readonly prompt?: string;
  readonly input?: string;
  readonly output?: string;
  readonly maxTokens?: string;
  readonly count: string;
  readonly beamSize?: string;
  readonly slide?: boolean;
  readonly diagnose?: boolean;
  readonly strict?: boolean;
  readonly json?: boolean;
}

/** Prompts that go through the model together. */
const BATCH = 64;

const examples = `
Examples:
  $ heed generate runs/shakespeare --prompt "ROMEO:" --sample --temperature 0.8 --seed 1
  $ heed generate runs/shakespeare --prompt "ROMEO:" --max-tokens 1000 --slide --sample --top-k 20
  $ heed generate runs/shakespeare --prompt "ROMEO:" --draft runs/small --draft-tokens 5
  $ heed generate runs/shakespeare --sample --count 20 --diagnose --json < prompts.txt`;

export function registerGenerate(program: Command): void {
  const command = program
    .command('generate')
    .description('continue texts with a trained language model')
    .argument('<model>', 'folder of a run or a model')
    .option('--prompt <text>', 'text to continue; lines of standard input without it')
    .option('--input <file>', 'read prompts, one a line, from a file instead of standard input')
    .option('--output <file>', 'write to a file instead of standard output')
    .option('--max-tokens <n>', 'most new tokens; 200, or as many as the model takes, by default')
    .option('--count <n>', 'texts for each prompt', '1')
    .option('--beam-size <n>', 'hypotheses kept, without --sample; --count by default')
    .option('--slide', 'at the end of its table, let the model go on from the later half of the text')
    .option('--diagnose', 'say how much the texts repeat: distinct-n, repeat rate, self-BLEU')
    .option('--strict', 'exit with code 3 instead of falling back to an older checkpoint')
    .option('--json', 'print one JSON object per text');
  addGuessingOptions(command);
  addSamplingOptions(command, '--count');
  addDeviceOptions(command)
    .addHelpText('after', examples)
    .action((model: string, flags: GenerateFlags) => generate(model, flags));
}

async function generate(path: string, flags: GenerateFlags): Promise<void> {
  const asked = textOptions(flags);
  const guessing = guessingOptions(flags);
  if (guessing && asked.count > 1) {
    const expected = '1 beside --jacobi and --draft, which guess for one text';
    throw new ConfigError({ where: '--count', expected, got: flags.count, hint: 'leave one of the two out' });
  }
  const write = lineWriter(flags.output, flags.input);
  applyDeviceOptions(flags);
  const load = (from: string): Promise<TextGenerator> =>
    loadLanguageModel(from, {
      strict: flags.strict ?? false,
      onNote: (text) => note(`note: ${text}`),
    });
  const generator = await load(path);
  const options = { ...asked, parallel: guessing && (await guesserOf(guessing, generator, load)) };
  const isLive = process.stdout.isTTY && flags.output === undefined && !flags.json && options.beamSize === 1;
  const say = isLive ? sayAloud : sayWhole(write, flags.json ?? false);
  const texts: string[] = [];
  let firstStream = 0;
  for await (const prompts of lineBatches(
    promptLines(flags, (prompt) => generator.check(prompt, options)),
    BATCH,
  )) {
    texts.push(...(await say(generator, prompts, { ...options, firstStream }, texts.length === 0)));
    firstStream += prompts.length;
  }
  await write.end();
  if (flags.diagnose) diagnose(texts);
}

function textOptions(
  flags: GenerateFlags,
): TextOptions & { readonly beamSize: number; readonly count: number } {
  const count = wholeNumber(flags.count, '--count');
  const sample = samplingOptions(flags);
  const refuse = (where: string, expected: string, got: string, hint: string): never => {
    throw new ConfigError({ where, expected, got, hint });
  };
  if (flags.prompt !== undefined && flags.input !== undefined)
    refuse('--prompt', 'none beside --input', 'both', 'leave one of the two out');
  if (sample && flags.beamSize !== undefined)
    refuse('--beam-size', 'none beside --sample', flags.beamSize, '--count asks for several draws');
  const beamSize = sample ? 1 : wholeNumber(flags.beamSize ?? flags.count, '--beam-size', 1, maxBeamSize);
  if (!sample && count > beamSize)
    refuse('--count', `at most --beam-size (${beamSize})`, flags.count, 'draw texts with --sample');
  return {
    ...{ count, sample, beamSize, slide: flags.slide },
    ...(flags.maxTokens !== undefined && { maxNewTokens: wholeNumber(flags.maxTokens, '--max-tokens') }),
  };
}

/** Who guesses tokens, with the model that drafts where one does. */
async function guesserOf(
  guessing: Guessing<string>,
  generator: TextGenerator,
  load: (path: string) => Promise<TextGenerator>,
): Promise<Guessing<CausalLanguageModel>> {
  if (guessing.kind !== 'speculative') return guessing;
  const small = await load(guessing.draft);
  checkSameVocabulary('vocabulary', generator.tokenizer, small.tokenizer, guessing.draft);
  return { ...guessing, draft: small.model };
}

/** The prompt, or lines of prompts; one that cannot be used is named after those before it. */
async function* promptLines(
  { prompt, input }: GenerateFlags,
  check: (prompt: string) => void,
): AsyncGenerator<string> {
  if (prompt !== undefined) {
    yield prompt;
    return;
  }
  let number = 0;
  for await (const line of inputLines(input)) {
    fromLine(input, ++number, () => check(line));
    yield line;
  }
}

/** Writes texts and gives them back; the first ones need no empty line before them. */
type Say = (
  generator: TextGenerator,
  prompts: readonly string[],
  options: TextOptions,
  isFirst: boolean,
) => Promise<string[]>;

/** As they come: prompt and text, token by token. */
const sayAloud: Say = async (generator, prompts, options, isFirst) => {
  let before = isFirst ? '' : '\n\n';
  let told = '';
  const results = generator.generate(prompts, {
    ...options,
    onText: (piece, { prompt, result }) => {
      const place = `${prompt}.${result}`;
      if (place !== told) process.stdout.write(`${before}${prompts[prompt]!}`);
      told = place;
      before = '\n\n';
      process.stdout.write(piece);
    },
  });
  process.stdout.write('\n');
  return results.flat().map(({ text }) => text);
};

/** Each when it is whole. */
const sayWhole =
  (write: LineWriter, json: boolean): Say =>
  async (generator, prompts, options, isFirst) => {
    const results = generator.generate(prompts, options).flat();
    const lines = results.map((result, i) => (json ? jsonOf(result) : plainOf(result, isFirst && i === 0)));
    await write.lines(lines);
    return results.map(({ text }) => text);
  };

function jsonOf({ prompt, text, tokens, logProb }: GeneratedText): string {
  return JSON.stringify({ prompt, text, tokens, logProb });
}

/** Texts have line ends of their own, so that an empty line is before each but the first. */
function plainOf({ prompt, text }: GeneratedText, isFirst: boolean): string {
  return `${isFirst ? '' : '\n'}${prompt}${text}`;
}

function diagnose(texts: readonly string[]): void {
  if (texts.length === 0) return;
  const figures = Object.entries(degeneration(texts)).map(([name, value]) => `${name} ${value.toFixed(1)} %`);
  note(figures.join(' · '));
}
