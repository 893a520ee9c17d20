/** `heed tokenizer`: train one from text, turn lines into ids and back, compare several. */
import { once } from 'node:events';
import type { Command } from 'commander';
import { Random } from '../../core/random.ts';
import { readBytes } from '../../data/file-bytes.ts';
import { ConfigError, TokenizerError } from '../../errors.ts';
import { readTokenizerFile } from '../../formats/tokenizer-file.ts';
import type { Sampling, TokenCodec } from '../../tokenizers/index.ts';
import { examples } from '../examples.ts';
import { fromLine, inputLines } from '../input-lines.ts';
import { realNumber, wholeNumber } from '../numbers.ts';
import { registerTokenizerReport } from './tokenizer-report.ts';
import { registerTokenizerTrain } from './tokenizer-train.ts';

interface EncodeOptions {
  readonly input?: string;
  readonly ids?: boolean;
  readonly tokens?: boolean;
  readonly json?: boolean;
  readonly bos?: boolean;
  readonly eos?: boolean;
  readonly dropout?: string;
  readonly alpha?: string;
  readonly among?: string;
  readonly seed: string;
}

interface DecodeOptions {
  readonly input?: string;
  readonly keepSpecial?: boolean;
}

/** Registers the command. */
export function registerTokenizer(program: Command): void {
  const tokenizer = program
    .command('tokenizer')
    .description('train a tokenizer, turn text into ids and back, measure how it compresses')
    .addHelpText(
      'after',
      examples(
        'heed tokenizer train --kind bpe --vocab-size 8000 --input train.de train.en --output tokenizer.json',
        "echo 'ein mann' | heed tokenizer encode tokenizer.json",
        "echo 'ein mann' | heed tokenizer encode tokenizer.json | heed tokenizer decode tokenizer.json",
      ),
    );
  registerTokenizerTrain(tokenizer);
  registerEncode(tokenizer);
  registerDecode(tokenizer);
  registerTokenizerReport(tokenizer);
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
    .option('--dropout <p>', 'draw a segmentation, passing over each merge with this probability (bpe)')
    .option('--alpha <a>', 'draw a segmentation with a probability ∝ P^a (unigram)')
    .option('--among <n>', 'draw among the n best segmentations only (with --alpha)')
    .option('--seed <n>', 'of what is drawn', '1')
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

function readTokenizer(path: string): TokenCodec {
  return readTokenizerFile(readBytes(path), path);
}

/** What was typed of drawing; undefined for the best segmentation. */
function samplingOf({ dropout, alpha, among, seed }: EncodeOptions): Sampling | undefined {
  if (among !== undefined && alpha === undefined) {
    throw new ConfigError({ where: '--among', expected: '--alpha beside it', got: 'no --alpha' });
  }
  if (dropout === undefined && alpha === undefined) return undefined;
  const probability = dropout === undefined ? undefined : realNumber(dropout, '--dropout');
  if (probability !== undefined && probability > 1) {
    throw new ConfigError({
      where: '--dropout',
      expected: 'a number from 0 to 1',
      got: JSON.stringify(dropout),
    });
  }
  return {
    random: new Random(wholeNumber(seed, '--seed', 0), 'tokenizer'),
    ...(probability !== undefined && { dropout: probability }),
    ...(alpha !== undefined && { alpha: realNumber(alpha, '--alpha') }),
    ...(among !== undefined && { nBest: wholeNumber(among, '--among') }),
  };
}

async function print(line: string): Promise<void> {
  if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain');
}

async function encode(path: string, options: EncodeOptions): Promise<void> {
  if (options.ids && options.tokens) {
    throw new ConfigError({ where: 'heed tokenizer encode', expected: '--ids or --tokens', got: 'both' });
  }
  const tokenizer = readTokenizer(path);
  const sampling = samplingOf(options);
  const ends = { addBos: options.bos ?? false, addEos: options.eos ?? false, ...(sampling && { sampling }) };
  for await (const line of inputLines(options.input)) {
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
  for await (const line of inputLines(options.input)) {
    const text = fromLine(options.input, ++number, () =>
      tokenizer.decode(idsOf(line), { skipSpecialTokens: !options.keepSpecial }),
    );
    await print(text);
  }
}

function idsOf(line: string): number[] {
  const words = line.split(/\s+/).filter((word) => word !== '');
  const bad = words.find((word) => !/^\d+$/.test(word));
  if (bad === undefined) return words.map(Number);
  const expected = 'ids separated by spaces';
  throw new TokenizerError({ where: 'decode', expected, got: JSON.stringify(bad) });
}
