/** Pairs of a source and its accepted targets, and how they are divided. */
import { Random } from '../core/random.ts';
import { ConfigError } from '../errors.ts';
import type { DependencySentence } from './conllu.ts';
import type { SourceText } from './source-text.ts';

/** A source text with what it should become. */
export interface Example {
  readonly source: string;
  /** The first of the references. */
  readonly target: string;
  /** Every accepted target; evaluation uses all of them. */
  readonly references: readonly string[];
  /** The dependency tree of the source, where the data has one. */
  readonly tree?: DependencySentence;
}

/** One source and one target. */
export interface TextPair {
  readonly source: SourceText;
  readonly target: string;
}

/** The source of an example, with its tree where it has one. */
export function sourceOf({ source, tree }: Example): SourceText {
  return tree ?? source;
}

/** An example from its source and its accepted targets, the first one first. */
export function makeExample(source: string, references: readonly [string, ...string[]]): Example {
  return { source, target: references[0], references };
}

/** What training sees: one pair for each accepted target. */
export function trainingPairs(examples: readonly Example[]): TextPair[] {
  return examples.flatMap((example) =>
    example.references.map((target) => ({ source: sourceOf(example), target })),
  );
}

/** How large the held-out parts are, and what chooses them. */
export interface SplitOptions {
  /** Share of the keys that go to the test part, 0 … 1. */
  readonly test: number;
  /** Share of the keys that go to the validation part, 0 … 1. */
  readonly validation: number;
  readonly seed: number;
  /** Examples with the same key stay together. Default: the source. */
  readonly key?: (example: Example) => string;
}

/** Examples of the three parts. */
export interface Split {
  readonly train: Example[];
  readonly validation: Example[];
  readonly test: Example[];
}

/**
 * Divides examples by a hash of (seed, key): an example's part depends on nothing but its own key, so that the
 * same word is never in two parts and more data moves none of the old.
 *
 * @throws ConfigError when the shares are not between 0 and 1 or leave nothing to train on
 * @example
 * const { train, validation, test } = splitByKey(examples, { test: 0.05, validation: 0.02, seed: 1 });
 */
export function splitByKey(examples: readonly Example[], options: SplitOptions): Split {
  const { test, validation, seed, key = (example) => example.source } = options;
  if (!(test >= 0 && validation >= 0 && test + validation < 1)) {
    const expected = 'shares of at least 0 that sum to less than 1';
    throw new ConfigError({ where: 'splitByKey', expected, got: `test ${test}, validation ${validation}` });
  }
  const split: Split = { train: [], validation: [], test: [] };
  for (const example of examples) {
    const draw = new Random(seed, `split/${key(example)}`).uniform();
    const part = draw < test ? 'test' : draw < test + validation ? 'validation' : 'train';
    split[part].push(example);
  }
  return split;
}
