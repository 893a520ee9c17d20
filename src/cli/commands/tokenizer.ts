/** `heed tokenizer`: train one from text, turn lines into ids and back. */
import { once } from 'node:events';
import { type Command, InvalidArgumentError } from 'commander';
import { readBytes } from '../../data/file-bytes.ts';
import { readLines, streamFileLines, streamLines } from '../../data/lines.ts';
import { ConfigError, FormatError, TokenizerError } from '../../errors.ts';
import {
  loadTokenizer,
  type Tokenizer,
  type TokenizerConfig,
  type TrainedTokenizer,
  trainTokenizer,
} from '../../tokenizers/index.ts';
import { writeAtomically } from '../../train/atomic.ts';
import { note, printJson } from '../output.ts';

interface TrainOptions {
  readonly kind: string;
  readonly input: string[];
  readonly output: string;
  readonly vocabSize?: number;
  readonly numMerges?: number;
  readonly minFrequency?: number;
  readonly limitAlphabet?: number;
  readonly preTokenizer?: string;
  readonly normalize?: string;
  readonly continuation?: string;
  readonly json?: boolean;
}

interface EncodeOptions {
  readonly input?: string;
  readonly ids?: boolean;
  readonly tokens?: boolean;
  readonly json?: boolean;
  readonly bos?: boolean;
  readonly eos?: boolean;
}

interface DecodeOptions {
  readonly input?: string;
  readonly keepSpecial?: boolean;
}

/** Registers the command. */
export function registerTokenizer(program: Command): void {
  const tokenizer = program
    .command('tokenizer')
    .description('train a tokenizer, turn text into ids and back')
    .addHelpText(
      'after',
      examples(
        'heed tokenizer train --kind bpe --vocab-size 8000 --input train.de train.en --output tokenizer.json',
        "echo 'ein mann' | heed tokenizer encode tokenizer.json",
        "echo 'ein mann' | heed tokenizer encode tokenizer.json | heed tokenizer decode tokenizer.json",
      ),
    );
  registerTrain(tokenizer);
  registerEncode(tokenizer);
  registerDecode(tokenizer);
}

function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}

function registerTrain(tokenizer: Command): void {
  tokenizer
    .command('train')
    .description('learn a tokenizer from text files, one text on each line')
    .requiredOption('--kind <kind>', 'word, char or bpe')
    .requiredOption('--input <files...>', 'text files; give source and target for a shared vocabulary')
    .requiredOption('--output <file>', 'where to write the tokenizer')
    .option('--vocab-size <n>', 'size of the vocabulary, special tokens included', wholeNumber)
    .option('--num-merges <n>', 'number of merges, instead of --vocab-size (bpe)', wholeNumber)
    .option('--min-frequency <n>', 'rarer pairs, words or characters are not learned', wholeNumber)
    .option('--limit-alphabet <n>', 'keep only the n most frequent characters (bpe)', wholeNumber)
    .option('--pre-tokenizer <name>', 'whitespace, punctuation, or byteLevel (bpe)')
    .option('--normalize <names>', 'nfc, nfkc, lowercase, stripAccents; several with commas, in order')
    .option('--continuation <mark>', 'a word with this ending joins the next one, as @@ (word)')
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      examples(
        'heed tokenizer train --kind bpe --vocab-size 8000 --input train.txt --output tokenizer.json',
        'heed tokenizer train --kind bpe --pre-tokenizer byteLevel --vocab-size 8000 --input train.txt --output tokenizer.json',
        'heed tokenizer train --kind char --normalize nfc,lowercase --input words.txt --output letters.json',
      ),
    )
    .action(train);
}

function registerEncode(tokenizer: Command): void {
  tokenizer
    .command('encode <tokenizer>')
    .description('turn each line of text into ids')
    .option('--input <file>', 'text file instead of standard input')
    .option('--ids', 'print ids (the default)')
    .option('--tokens', 'print pieces instead of ids')
    .option('--json', 'print one JSON object for each line: ids, tokens, offsets')
    .option('--bos', 'put the begin token first')
    .option('--eos', 'put the end token last')
    .addHelpText(
      'after',
      examples(
        'heed tokenizer encode tokenizer.json --input valid.txt',
        "echo 'ein mann' | heed tokenizer encode tokenizer.json --tokens",
      ),
    )
    .action(encode);
}

function registerDecode(tokenizer: Command): void {
  tokenizer
    .command('decode <tokenizer>')
    .description('turn each line of ids, separated by spaces, into text')
    .option('--input <file>', 'file of ids instead of standard input')
    .option('--keep-special', 'show special tokens')
    .addHelpText('after', examples("echo '812 40' | heed tokenizer decode tokenizer.json"))
    .action(decode);
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('expected a whole number');
  return Number(text);
}

function train(options: TrainOptions): void {
  const tokenizer = learn(options);
  writeAtomically(options.output, `${JSON.stringify(tokenizer)}\n`);
  if (options.json) printJson({ output: options.output, ...tokenizer.report });
  else note(reportLine(options.output, tokenizer));
}

function learn(options: TrainOptions): TrainedTokenizer {
  try {
    return trainTokenizer(trainingConfig(options), inputLines(options.input));
  } catch (error) {
    throw error instanceof ConfigError && error.issues.length > 0 ? inFlags(error, options.kind) : error;
  }
}

/** The same error with the names of options that were typed, instead of the fields of a configuration. */
function inFlags({ issues }: ConfigError, kind: string): ConfigError {
  const flags: Readonly<Record<string, string>> = {
    normalizers: '--normalize',
    maxVocabSize: '--vocab-size',
  };
  const dashed = (name: string): string =>
    flags[name] ?? `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  const fields =
    /\b(vocabSize|numMerges|limitAlphabet|preTokenizer|minFrequency|maxVocabSize|normalizers)\b/g;
  const problem = issues
    .map(({ path, message }) => `${dashed(path)}: ${message.replace(fields, dashed)}`)
    .join('; ');
  return new ConfigError({ where: `heed tokenizer train --kind ${kind}`, problem, issues });
}

/** What was typed; the trainer checks it and names every bad field. */
function trainingConfig(options: TrainOptions): TokenizerConfig {
  const { kind, vocabSize, numMerges, minFrequency, limitAlphabet, preTokenizer, continuation } = options;
  const size = kind === 'bpe' ? { vocabSize } : { maxVocabSize: vocabSize };
  const normalizers = options.normalize?.split(',').filter((name) => name !== '' && name !== 'none');
  const given = { numMerges, minFrequency, limitAlphabet, preTokenizer, continuation, normalizers, ...size };
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  return { kind, ...Object.fromEntries(set) } as TokenizerConfig;
}

function* inputLines(files: readonly string[]): Generator<string> {
  for (const file of files) yield* readLines(file);
}

function reportLine(output: string, { report }: TrainedTokenizer): string {
  const { requested, reached, reason } = report;
  const asked = requested === undefined || reason === 'reached' ? '' : ` of ${requested} asked for`;
  const why = {
    reached: '',
    minFrequency: ': all that is left is rarer than the minimum frequency',
    exhausted: ': the text has nothing left to learn',
  };
  return `${output}: ${reached} pieces${asked}${why[reason]}`;
}

function readTokenizer(path: string): Tokenizer {
  const text = readBytes(path).toString('utf8');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    const got = (error as Error).message;
    throw new FormatError({ where: path, file: path, expected: 'a tokenizer as JSON', got, cause: error });
  }
  return loadTokenizer(json, path);
}

function textLines(input: string | undefined): AsyncIterable<string> {
  return input === undefined
    ? streamLines(process.stdin, 'standard input', { allowEmpty: true })
    : streamFileLines(input, { allowEmpty: true });
}

async function print(line: string): Promise<void> {
  if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain');
}

async function encode(path: string, options: EncodeOptions): Promise<void> {
  if (options.ids && options.tokens) {
    throw new ConfigError({ where: 'heed tokenizer encode', expected: '--ids or --tokens', got: 'both' });
  }
  const tokenizer = readTokenizer(path);
  const ends = { addBos: options.bos ?? false, addEos: options.eos ?? false };
  for await (const line of textLines(options.input)) {
    if (options.json) {
      const { ids, offsets } = tokenizer.encodeWithOffsets(line, ends);
      await print(JSON.stringify({ ids, tokens: ids.map((id) => tokenizer.token(id)), offsets }));
      continue;
    }
    const ids = tokenizer.encode(line, ends);
    await print((options.tokens ? ids.map((id) => tokenizer.token(id)) : ids).join(' '));
  }
}

async function decode(path: string, options: DecodeOptions): Promise<void> {
  const tokenizer = readTokenizer(path);
  let number = 0;
  for await (const line of textLines(options.input)) {
    number++;
    const words = line.split(/\s+/).filter((word) => word !== '');
    const bad = words.find((word) => !/^\d+$/.test(word));
    if (bad !== undefined) {
      const where = `${options.input ?? 'standard input'}:${number}`;
      throw new TokenizerError({ where, expected: 'ids separated by spaces', got: JSON.stringify(bad) });
    }
    await print(tokenizer.decode(words.map(Number), { skipSpecialTokens: !options.keepSpecial }));
  }
}
