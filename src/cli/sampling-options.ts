/** The options of commands that draw tokens. */
import type { Command } from 'commander';
import { ConfigError } from '../errors.ts';
import type { SamplingOptions } from '../generate/sampling/options.ts';
import { numberFrom, wholeNumber } from './numbers.ts';

/** What commander leaves of them. */
export interface SamplingFlags {
  readonly sample?: boolean;
  readonly temperature?: string;
  readonly topK?: string;
  readonly topP?: string;
  readonly minP?: string;
  readonly typicalP?: string;
  readonly repetitionPenalty?: string;
  readonly presencePenalty?: string;
  readonly frequencyPenalty?: string;
  readonly noRepeatNgramSize?: string;
  readonly seed?: string;
}

type Field = Exclude<keyof SamplingFlags, 'sample'>;

interface Flag {
  readonly option: string;
  readonly help: string;
  readonly read: (text: string, option: string) => number;
}

const mass = { above: 0, most: 1 };
const share = { least: 0, most: 1 };
const anyNumber = {};

const flags: Readonly<Record<Field, Flag>> = {
  temperature: {
    option: '--temperature <t>',
    help: 'logits are divided by it; 0 takes the likeliest token',
    read: (text, option) => numberFrom(text, option, { least: 0 }),
  },
  topK: {
    option: '--top-k <n>',
    help: 'only the n likeliest tokens',
    read: (text, option) => wholeNumber(text, option),
  },
  topP: {
    option: '--top-p <p>',
    help: 'only the likeliest tokens that have probability p together',
    read: (text, option) => numberFrom(text, option, mass),
  },
  minP: {
    option: '--min-p <p>',
    help: 'only tokens at least p times as likely as the likeliest',
    read: (text, option) => numberFrom(text, option, share),
  },
  typicalP: {
    option: '--typical-p <p>',
    help: 'only the most typical tokens that have probability p together',
    read: (text, option) => numberFrom(text, option, mass),
  },
  repetitionPenalty: {
    option: '--repetition-penalty <x>',
    help: 'divides the positive logits of tokens that came',
    read: (text, option) => numberFrom(text, option, { above: 0 }),
  },
  presencePenalty: {
    option: '--presence-penalty <x>',
    help: 'taken from the logits of tokens that came',
    read: (text, option) => numberFrom(text, option, anyNumber),
  },
  frequencyPenalty: {
    option: '--frequency-penalty <x>',
    help: 'taken from them for each time that they came',
    read: (text, option) => numberFrom(text, option, anyNumber),
  },
  noRepeatNgramSize: {
    option: '--no-repeat-ngram-size <n>',
    help: 'no n tokens come twice in a row',
    read: (text, option) => wholeNumber(text, option),
  },
  seed: {
    option: '--seed <n>',
    help: 'of the random numbers; the same seed draws the same texts',
    read: (text, option) => wholeNumber(text, option, 0),
  },
};

const fields = Object.keys(flags) as Field[];

/** Adds `--sample` and what belongs to it; `several` names the option that asks for several draws. */
export function addSamplingOptions(command: Command, several = '--n-best'): Command {
  command.option('--sample', `draw the tokens; ${several} asks for several draws`);
  for (const field of fields) command.option(flags[field].option, `with --sample: ${flags[field].help}`);
  return command;
}

/**
 * The options of sampling; undefined without `--sample`.
 *
 * @throws {ConfigError} when one has a value that cannot be used, or stands without `--sample`
 */
export function samplingOptions(given: SamplingFlags): SamplingOptions | undefined {
  const present = fields.filter((field) => given[field] !== undefined);
  const nameOf = (field: Field): string => flags[field].option.split(' ')[0]!;
  if (!given.sample) {
    const [first] = present;
    if (first === undefined) return undefined;
    throw new ConfigError({
      where: nameOf(first),
      expected: '--sample beside it',
      got: 'none',
      hint: 'without --sample nothing is drawn',
    });
  }
  return Object.fromEntries(
    present.map((field) => [field, flags[field].read(given[field]!, nameOf(field))] as const),
  );
}
