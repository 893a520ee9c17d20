/** Readers of training data by the name of their format, so that a configuration can say `format: tsv`. */
import { ConfigError, DataError, suggest } from '../errors.ts';
import { type CmudictConfig, readCmudict } from './cmudict.ts';
import { readConllu } from './conllu.ts';
import { type EntitiesConfig, readEntities } from './entities.ts';
import { type Example, makeExample } from './examples.ts';
import { readLines } from './lines.ts';
import { ProblemList } from './problems.ts';
import { textOf } from './source-text.ts';

/** Two or more text files whose lines belong together. */
export interface ParallelConfig {
  readonly format: 'parallel';
  readonly source: string;
  readonly target: string;
  /** Files with further accepted targets. */
  readonly references?: readonly string[];
}

/** Sentences with dependency trees and the text files whose lines belong to them. */
export interface ConlluConfig extends Omit<ParallelConfig, 'format'> {
  readonly format: 'conllu';
}

/** Columns separated by tabs, without quoting. */
export interface TsvConfig {
  readonly format: 'tsv';
  readonly path: string;
  /** Column of the source, counted from 0. Default 0. */
  readonly source?: number;
  /** Column of the target. Default 1. */
  readonly target?: number;
  /** Columns with further accepted targets; `rest` = all after the target. Empty cells are left out. */
  readonly references?: readonly number[] | 'rest';
  /** The first line names the columns and is skipped. Default false. */
  readonly header?: boolean;
}

/** One JSON object on each line; blank lines are skipped. */
export interface JsonlConfig {
  readonly format: 'jsonl';
  readonly path: string;
  /** Field of the source. Default `source`. */
  readonly source?: string;
  /** Field of the target: a text, or a list of accepted texts. Default `target`. */
  readonly target?: string;
  /** Field of a list of further accepted targets. */
  readonly references?: string;
}

/** Where examples come from, by format. */
export type DataConfig =
  | ParallelConfig
  | ConlluConfig
  | TsvConfig
  | JsonlConfig
  | CmudictConfig
  | EntitiesConfig;

type Readers = {
  readonly [Format in DataConfig['format']]: (config: Extract<DataConfig, { format: Format }>) => Example[];
};

/** The readers by the name of their format. */
export const readers: Readers = {
  parallel: readParallel,
  conllu: readTrees,
  tsv: readTsv,
  jsonl: readJsonl,
  cmudict: readCmudict,
  entities: readEntities,
};

/**
 * Reads examples in the format that the configuration names.
 *
 * @throws ConfigError for an unknown format
 * @throws DataError naming the first ten problems of a file with their lines
 * @example
 * readExamples({ format: 'parallel', source: 'train.de', target: 'train.en' });
 */
export function readExamples(config: DataConfig): Example[] {
  if (!Object.hasOwn(readers, config.format)) {
    throw new ConfigError({
      where: 'data.format',
      expected: 'a known format',
      got: JSON.stringify(config.format) ?? 'nothing',
      hint: suggest(String(config.format), Object.keys(readers)),
    });
  }
  return (readers[config.format] as (config: DataConfig) => Example[])(config);
}

/**
 * Line n of the source with line n of each target file.
 *
 * @throws DataError when the files differ in their number of lines, or a line is empty
 */
export function readParallel(config: ParallelConfig): Example[] {
  const sources = readLines(config.source);
  const targets = targetsOf(config, sources.length, 'line');
  rejectEmpty(config.source, sources);
  return sources.map((source, i) => makeExample(source, targets[i]!));
}

/**
 * Sentence n of a CoNLL-U file with line n of each target file; the words of a sentence are its source.
 *
 * @throws DataError as `readConllu` and `readParallel`
 */
export function readTrees(config: ConlluConfig): Example[] {
  const sentences = readConllu(config.source);
  const targets = targetsOf(config, sentences.length, 'sentence');
  return sentences.map((tree, i) => ({ ...makeExample(textOf(tree), targets[i]!), tree }));
}

/** For each source the lines that belong to it. */
function targetsOf(
  { source, target, references = [] }: Pick<ParallelConfig, 'source' | 'target' | 'references'>,
  sources: number,
  unit: 'line' | 'sentence',
): [string, ...string[]][] {
  const targets = [target, ...references].map((file) => {
    const lines = readLines(file);
    if (lines.length !== sources) throw unpaired([source, sources, unit], [file, lines.length, 'line']);
    rejectEmpty(file, lines);
    return lines;
  });
  return Array.from({ length: sources }, (_, i) => targets.map((lines) => lines[i]!) as [string]);
}

/** A file, its texts, and what each of them is. */
type Side = readonly [file: string, count: number, unit: 'line' | 'sentence'];

function unpaired(source: Side, target: Side): DataError {
  const [longer, shorter] = source[1] > target[1] ? [source, target] : [target, source];
  const [file, , unit] = longer;
  const first = shorter[1] + 1;
  const line = unit === 'line' ? { line: first } : {};
  const sides = [source, target].map(([name, count, of]) => `${name} has ${count} ${of}s`).join(', ');
  return new DataError({
    where: unit === 'line' ? `${file}:${first}` : file,
    file,
    ...line,
    problem: `${unit} ${first} has no partner: ${sides}`,
    hint: `${source[2]} n of one file must belong to line n of the other`,
  });
}

function rejectEmpty(file: string, lines: readonly string[]): void {
  const problems = new ProblemList(file, 'remove the line from all files, or fill it');
  lines.forEach((line, i) => {
    if (line.trim() === '') problems.add(i + 1, 'expected text, got an empty line');
  });
  problems.throwIfAny();
}

/**
 * Source and target from columns separated by tabs.
 *
 * @throws DataError for lines that lack a column or have nothing in it
 */
export function readTsv(config: TsvConfig): Example[] {
  const { path, source = 0, target = 1, references = [], header = false } = config;
  const problems = new ProblemList(path, 'columns are separated by tabs and counted from 0');
  const examples: Example[] = [];
  readLines(path).forEach((line, i) => {
    if (header && i === 0) return;
    const cells = line.split('\t');
    const missing = [source, target].find((column) => !cells[column]?.trim());
    if (missing !== undefined) {
      problems.add(i + 1, `expected text in column ${missing}, got ${cells.length} columns`);
      return;
    }
    const others =
      references === 'rest' ? cells.slice(target + 1) : references.map((column) => cells[column]);
    const further = others.filter((cell): cell is string => Boolean(cell?.trim()));
    examples.push(makeExample(cells[source]!, [cells[target]!, ...further]));
  });
  problems.throwIfAny();
  return examples;
}

/**
 * Source and target from fields of one JSON object on each line.
 *
 * @throws DataError for lines that are not JSON objects or whose fields are not texts
 */
export function readJsonl(config: JsonlConfig): Example[] {
  const problems = new ProblemList(config.path, 'one JSON object on each line');
  const examples: Example[] = [];
  readLines(config.path).forEach((line, i) => {
    if (line.trim() === '') return;
    const example = parseExample(line, config);
    if (typeof example === 'string') problems.add(i + 1, example);
    else examples.push(example);
  });
  problems.throwIfAny();
  return examples;
}

/** The example of a line, or what is wrong with the line. */
function parseExample(line: string, config: JsonlConfig): Example | string {
  const { source = 'source', target = 'target', references } = config;
  const object = parseObject(line);
  if (typeof object === 'string') return object;
  const text = object[source];
  if (!isText(text)) return `expected text in field "${source}"`;
  const accepted = [object[target], references === undefined ? [] : (object[references] ?? [])].flat();
  if (accepted.length === 0 || !accepted.every(isText)) return `expected text in field "${target}"`;
  return makeExample(text, accepted as [string]);
}

/** A JSON object, or what is wrong with the line. */
function parseObject(line: string): Record<string, unknown> | string {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
    return 'expected a JSON object';
  } catch (error) {
    return `expected JSON, got ${(error as Error).message}`;
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}
