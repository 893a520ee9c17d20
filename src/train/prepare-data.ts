/** From the data section of an experiment to token ids: read, split, learn tokenizers, encode, apply the length policy. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { TokenPair } from '../data/batching.ts';
import { type Example, splitByKey, trainingPairs } from '../data/examples.ts';
import { applyLengthPolicy, type LengthReport, type LongPair, sourceCutOf } from '../data/length-policy.ts';
import { type DataConfig, readExamples } from '../data/readers.ts';
import { sourceTokens, textOf } from '../data/source-text.ts';
import { ConfigError, DataError } from '../errors.ts';
import type { Tokenizers } from '../generate/translator.ts';
import { pairCodec } from '../tokenizers/pair-codec.ts';
import { trainTokenizer } from '../tokenizers/train.ts';
import type { SpecialTokens, TokenizerConfig, TrainingReport } from '../tokenizers/types.ts';
import type { DataSection, Experiment, ReaderSection } from './config/schema.ts';

/** Examples of the three parts; the last two may be empty. */
export interface ExampleParts {
  readonly train: readonly Example[];
  readonly validation: readonly Example[];
  readonly test: readonly Example[];
}

/** Encoded pairs of one part. */
export interface EncodedPart {
  readonly pairs: readonly TokenPair[];
  readonly report: LengthReport;
}

/** An npm package of the working folder, or of heed itself. */
function loadPackage(name: string): unknown {
  try {
    return createRequire(join(process.cwd(), 'package.json'))(name);
  } catch {
    return createRequire(import.meta.url)(name);
  }
}

/**
 * The dictionary that an npm package exports.
 *
 * @throws {ConfigError} when the package is not installed or exports none
 */
export function loadDictionary(name: string): Readonly<Record<string, string>> {
  const where = `data: npm package ${name}`;
  let loaded: { dictionary?: Record<string, string> };
  try {
    loaded = loadPackage(name) as typeof loaded;
  } catch (error) {
    throw new ConfigError({ where, problem: 'cannot be loaded', hint: `npm install ${name}`, cause: error });
  }
  if (loaded.dictionary) return loaded.dictionary;
  throw new ConfigError({ where, expected: 'an export named dictionary', got: 'none' });
}

/** The reader's configuration with its paths and packages resolved. */
function resolveReader(section: ReaderSection, folder: string | undefined): DataConfig {
  const at = (path: string): string => (folder === undefined ? path : join(folder, path));
  switch (section.format) {
    case 'cmudict':
      return { format: 'cmudict', dictionary: loadDictionary(section.package) };
    case 'parallel':
    case 'conllu': {
      const { format, references } = section;
      const more = references ? { references: references.map(at) } : {};
      return { format, source: at(section.source), target: at(section.target), ...more };
    }
    default:
      return { ...section, path: at(section.path) } as DataConfig;
  }
}

/**
 * Reads every part of the data.
 *
 * @throws {DataError} when a file cannot be read as it was announced, or nothing is left to train on
 */
export function readParts(data: DataSection): ExampleParts {
  const read = (section: ReaderSection | undefined): Example[] =>
    section ? readExamples(resolveReader(section, data.folder)) : [];
  if (data.all) return splitByKey(read(data.all), data.split!);
  return { train: read(data.train), validation: read(data.validation), test: read(data.test) };
}

/** Tokenizers, and what the data did not support. */
export interface LearnedTokenizers {
  readonly tokenizers: Tokenizers;
  readonly notes: readonly string[];
}

/**
 * Learns the tokenizers of an experiment from the training texts.
 *
 * @param specialTokens - texts of special tokens that are not the usual ones
 */
export function buildTokenizers(
  { tokenizer }: Pick<Experiment, 'tokenizer'>,
  train: readonly Example[],
  specialTokens: Partial<SpecialTokens<string>> = {},
): LearnedTokenizers {
  const sources = train.map(({ source }) => source);
  const targets = trainingPairs(train).map(({ target }) => target);
  const notes: string[] = [];
  const learn = (config: object, lines: readonly string[], name: string) => {
    const trained = trainTokenizer({ ...(config as TokenizerConfig), specialTokens }, lines);
    const shortage = shortageOf(trained.report, name);
    if (shortage) notes.push(shortage);
    return trained;
  };
  if ('shared' in tokenizer) {
    const shared = learn(tokenizer.shared, [...sources, ...targets], 'shared');
    return { tokenizers: { source: shared, target: shared }, notes };
  }
  return {
    tokenizers: {
      source: learn(tokenizer.source, sources, 'source'),
      target: learn(tokenizer.target, targets, 'target'),
    },
    notes,
  };
}

/** A line for the user when the data supports fewer pieces than were asked for. */
function shortageOf({ requested, reached, reason }: TrainingReport, name: string): string | undefined {
  if (requested === undefined || reached >= requested || reason === 'reached') return undefined;
  return `tokenizer.${name}: ${requested} pieces were asked for, the data supports ${reached}`;
}

/**
 * Encodes examples, one pair for each accepted target; texts that are too long are cut or left out, and counted.
 *
 * @param copies - unknown words of a source have ids of their own, see `ExtendedVocabulary`
 */
export function encodePart(
  examples: readonly Example[],
  tokenizers: Tokenizers,
  data: DataSection,
  copies = false,
): EncodedPart {
  const pairs = trainingPairs(examples).map((pair): LongPair => {
    const codec = pairCodec(tokenizers, textOf(pair.source), { copies, sentinels: 0 });
    const source = sourceTokens(tokenizers.source, pair.source, codec.source);
    return { ...source, target: codec.encode(pair.target) };
  });
  const { kept, report } = applyLengthPolicy(pairs, {
    maxSourceLength: data.maxSourceLength,
    maxTargetLength: data.maxTargetLength,
    policy: data.tooLong,
  });
  return { pairs: kept, report };
}

/** Tokenizers that cut sources in use as an experiment cuts them in training. */
export function cuttingTokenizers({ source, target }: Tokenizers, data: DataSection): Tokenizers {
  const cut = sourceCutOf({ maxSourceLength: data.maxSourceLength, policy: data.tooLong });
  return { source, target, ...(cut && { cut }) };
}

/** A line about what the length policy did; undefined when it did nothing. */
export function lengthNote(part: string, { skipped, truncated, longest }: LengthReport): string | undefined {
  if (skipped + truncated === 0) return undefined;
  const what = skipped > 0 ? `${skipped} skipped` : `${truncated} truncated`;
  return `${part}: ${what} as too long (longest source ${longest.source}, target ${longest.target} tokens)`;
}

/** @throws {DataError} when there is nothing to train on */
export function requireExamples(part: EncodedPart, name: string): void {
  if (part.pairs.length > 0) return;
  throw new DataError({
    where: `data.${name}`,
    file: name,
    problem: 'no example is left',
    hint: 'raise maxSourceLength and maxTargetLength, or check the files',
  });
}
