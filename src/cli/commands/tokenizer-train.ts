/** `heed tokenizer train`: its options are those of the kinds of tokenizer. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { readLines } from '../../data/lines.ts';
import { ConfigError } from '../../errors.ts';
import {
  type TokenizerConfig,
  type TrainedTokenizer,
  tokenizerKinds,
  trainTokenizer,
} from '../../tokenizers/index.ts';
import type { Option as KindOption } from '../../tokenizers/kind.ts';
import { kinds } from '../../tokenizers/kinds.ts';
import { writeAtomically } from '../../train/atomic.ts';
import { examples } from '../examples.ts';
import { note, printJson } from '../output.ts';

interface TrainFlags {
  readonly kind: string;
  readonly input: string[];
  readonly output: string;
  readonly json?: boolean;
  readonly [option: string]: unknown;
}

/** Flags whose names are not those of their options. */
const flagNames: Readonly<Record<string, string>> = { normalizers: 'normalize', maxVocabSize: 'vocabSize' };

const flagOf = (option: string): string => flagNames[option] ?? option;

/** `--vocab-size` */
function dashed(option: string): string {
  return `--${flagOf(option).replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Registers the command. */
export function registerTokenizerTrain(tokenizer: Command): void {
  const command = tokenizer
    .command('train')
    .description('learn a tokenizer from text files, one text on each line')
    .requiredOption('--kind <kind>', tokenizerKinds.join(', '))
    .requiredOption('--input <files...>', 'text files; give source and target for a shared vocabulary')
    .requiredOption('--output <file>', 'where to write the tokenizer');
  for (const option of kindFlags()) command.addOption(option);
  command
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      examples(
        'heed tokenizer train --kind bpe --vocab-size 8000 --input train.txt --output tokenizer.json',
        'heed tokenizer train --kind bpe --pre-tokenizer byteLevel --vocab-size 8000 --input train.txt --output tokenizer.json',
        'heed tokenizer train --kind unigram --byte-fallback --normalize nfkc --vocab-size 8000 --input zh.txt --output tokenizer.json',
        'heed tokenizer train --kind char --normalize nfc,lowercase --input words.txt --output letters.json',
      ),
    )
    .action(train);
}

/** One flag for each option of any kind; the help says which kinds have it. */
function kindFlags(): Option[] {
  const flags = new Map<string, { readonly option: KindOption; readonly abouts: Map<string, string[]> }>();
  for (const kind of tokenizerKinds) {
    for (const [name, option] of Object.entries(kinds[kind].options)) {
      const flag = flags.get(dashed(name)) ?? { option, abouts: new Map() };
      flags.set(dashed(name), flag);
      const about = 'names' in option ? `${option.about}: ${option.names.join(', ')}` : option.about;
      flag.abouts.set(about, [...(flag.abouts.get(about) ?? []), kind]);
    }
  }
  return [...flags].map(([flag, { option, abouts }]) => {
    const lines = [...abouts].map(([about, having]) =>
      having.length === tokenizerKinds.length ? about : `${about} (${having.join(', ')})`,
    );
    return kindFlag(flag, option, lines.join('; '));
  });
}

function kindFlag(flag: string, { type }: KindOption, about: string): Option {
  switch (type) {
    case 'count':
      return new Option(`${flag} <n>`, about).argParser(wholeNumber);
    case 'share':
      return new Option(`${flag} <share>`, about).argParser(Number);
    case 'flag':
      return new Option(`${flag} [yes]`, about).argParser(yesOrNo).preset('true');
    case 'text':
      return new Option(`${flag} <text>`, about);
    case 'name':
      return new Option(`${flag} <name>`, about);
    case 'names':
      return new Option(`${flag} <names>`, `${about}; several with commas`).argParser(nameList);
  }
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('expected a whole number');
  return Number(text);
}

function yesOrNo(text: string): boolean {
  if (text !== 'true' && text !== 'false') throw new InvalidArgumentError('expected true or false');
  return text === 'true';
}

function nameList(text: string): string[] {
  return text.split(',').filter((name) => name !== '' && name !== 'none');
}

function train(flags: TrainFlags): void {
  const tokenizer = learn(flags);
  writeAtomically(flags.output, `${JSON.stringify(tokenizer)}\n`);
  if (flags.json) printJson({ output: flags.output, ...tokenizer.report });
  else note(reportLine(flags.output, tokenizer));
}

function learn(flags: TrainFlags): TrainedTokenizer {
  try {
    return trainTokenizer(trainingConfig(flags), inputLines(flags.input));
  } catch (error) {
    throw error instanceof ConfigError && error.issues.length > 0 ? inFlags(error, flags.kind) : error;
  }
}

/** The same error with the names of options that were typed, instead of the fields of a configuration. */
function inFlags({ issues, hint }: ConfigError, kind: string): ConfigError {
  const names = new Set(tokenizerKinds.flatMap((name) => Object.keys(kinds[name].options)));
  const fields = new RegExp(`\\b(${[...names].join('|')})\\b`, 'g');
  const inDashes = (text: string): string =>
    text.replace(fields, (name) => (/[A-Z]/.test(name) ? dashed(name) : name));
  const problem = issues.map(({ path, message }) => `${dashed(path)}: ${inDashes(message)}`).join('; ');
  const where = `heed tokenizer train --kind ${kind}`;
  // A hint that names an option is of use here, one that names a type is not.
  const usable = hint !== undefined && !hint.includes('TokenizerConfig');
  return new ConfigError({ where, problem, ...(usable && { hint: inDashes(hint) }), issues });
}

/** What was typed; the trainer checks it and names every bad field. */
function trainingConfig(flags: TrainFlags): TokenizerConfig {
  const { kind, input, output, json, ...given } = flags;
  const names = Object.hasOwn(kinds, kind) ? Object.keys(kinds[kind as TokenizerConfig['kind']].options) : [];
  const fieldOf = (flag: string): string => names.find((name) => flagOf(name) === flag) ?? flag;
  const fields = Object.entries(given).map(([flag, value]) => [fieldOf(flag), value]);
  return { kind, ...Object.fromEntries(fields) } as TokenizerConfig;
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
