/**
 * What a kind of tokenizer is made of. A new kind is a file that gives this and a line in `kinds.ts`; checks,
 * messages, the YAML schema and the command line follow from the options.
 */
import type { ConfigIssue } from '../errors.ts';
import type { BaseTokenizer } from './base.ts';
import type { SavedFields } from './saved-fields.ts';
import type { CommonData, TokenizerConfig, TokenizerData, TrainingReport } from './types.ts';

/** One option of a configuration, as plain data; `about` is a line for people. */
export type Option =
  | { readonly type: 'count'; readonly minimum: number; readonly about: string }
  | { readonly type: 'share'; readonly about: string }
  | { readonly type: 'flag'; readonly about: string }
  | { readonly type: 'text'; readonly about: string }
  | { readonly type: 'name' | 'names'; readonly names: readonly string[]; readonly about: string };

/** The options of a kind by name, `kind` itself left out. */
export type Options = Readonly<Record<string, Option>>;

/** The fields that every kind saves, without the vocabulary. */
export type CommonParts = Omit<CommonData, 'vocab'>;

/** What training found: the saved form without its vocabulary, the ordinary pieces in order, and a report. */
export interface Learned<D extends TokenizerData = TokenizerData> {
  readonly parts: Omit<D, 'vocab'>;
  readonly pieces: readonly string[];
  readonly report: TrainingReport;
}

/** A kind of tokenizer: its options, how it is learned, read back and made. */
export interface KindDefinition<
  C extends TokenizerConfig = TokenizerConfig,
  D extends TokenizerData = TokenizerData,
> {
  readonly options: Options;
  /** What is wrong with options that are right one by one. */
  clashes?(config: C): ConfigIssue[];
  train(config: C, common: CommonParts, lines: Iterable<string>): Learned<D>;
  /** The fields of its own in a saved form. */
  read(fields: SavedFields, common: CommonParts, pieces: readonly string[]): Omit<D, 'vocab'>;
  create(parts: Omit<D, 'vocab'>, pieces: readonly string[]): BaseTokenizer;
}
