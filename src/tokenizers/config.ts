/** Checks a training configuration and lists everything that is wrong with it. */
import { ConfigError, type ConfigIssue, suggest } from '../errors.ts';
import { normalizerNames } from './normalize.ts';
import { preTokenizerNames } from './pre-tokenize.ts';
import { numSpecialTokens, resolveSpecialTokens, specialTexts } from './special-tokens.ts';
import type { TokenizerConfig, TokenizerKind } from './types.ts';

/** The kinds of tokenizer. */
export const tokenizerKinds: readonly TokenizerKind[] = ['word', 'char', 'bpe'];

const commonFields = ['kind', 'normalizers', 'specialTokens', 'minFrequency'];
const fields: Readonly<Record<TokenizerKind, readonly string[]>> = {
  word: [...commonFields, 'preTokenizer', 'maxVocabSize', 'continuation'],
  char: [...commonFields, 'maxVocabSize'],
  bpe: [...commonFields, 'preTokenizer', 'vocabSize', 'numMerges', 'limitAlphabet', 'endOfWord'],
};

/** Smallest useful value of each number. */
const minimums: Readonly<Record<string, number>> = {
  minFrequency: 1,
  maxVocabSize: numSpecialTokens + 1,
  vocabSize: numSpecialTokens + 1,
  numMerges: 0,
  limitAlphabet: 1,
};

type Loose = Readonly<Record<string, unknown>>;

/** @throws ConfigError listing every bad field */
export function checkTokenizerConfig(config: TokenizerConfig): void {
  const loose = config as unknown as Loose;
  const issues = tokenizerKinds.includes(config.kind)
    ? [...fieldIssues(loose, config.kind), ...nameIssues(loose, config.kind), ...bpeIssues(config)]
    : [
        {
          path: 'kind',
          message: `unknown kind "${loose.kind}", ${suggest(String(loose.kind), tokenizerKinds)}`,
        },
      ];
  if (issues.length === 0) return;
  throw new ConfigError({
    where: 'tokenizer configuration',
    problem: issues.map((issue) => `${issue.path}: ${issue.message}`).join('; '),
    hint: 'see TokenizerConfig for the options of each kind',
    issues,
  });
}

function fieldIssues(config: Loose, kind: TokenizerKind): ConfigIssue[] {
  return Object.entries(config).flatMap(([path, value]) => {
    if (value === undefined) return [];
    if (!fields[kind].includes(path)) {
      return [{ path, message: `not an option of kind ${kind}, ${suggest(path, fields[kind])}` }];
    }
    const minimum = minimums[path];
    if (minimum === undefined || (Number.isSafeInteger(value) && (value as number) >= minimum)) return [];
    return [{ path, message: `expected a whole number of at least ${minimum}, got ${value}` }];
  });
}

function nameIssues(config: Loose, kind: TokenizerKind): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  for (const name of (config.normalizers ?? []) as string[]) {
    if (!(normalizerNames as string[]).includes(name)) {
      issues.push({ path: 'normalizers', message: `unknown "${name}", ${suggest(name, normalizerNames)}` });
    }
  }
  const allowed = preTokenizerNames.filter((name) => kind === 'bpe' || name !== 'byteLevel');
  const given = config.preTokenizer as (typeof allowed)[number] | undefined;
  if (given !== undefined && !allowed.includes(given)) {
    issues.push({ path: 'preTokenizer', message: `unknown "${given}", ${suggest(given, allowed)}` });
  }
  const mark = config.continuation;
  if (mark !== undefined && (typeof mark !== 'string' || !/^\P{White_Space}+$/u.test(mark))) {
    issues.push({ path: 'continuation', message: 'expected characters without white space' });
  }
  return issues;
}

function bpeIssues(config: TokenizerConfig): ConfigIssue[] {
  if (config.kind !== 'bpe') return [];
  const issues: ConfigIssue[] = [];
  if ((config.vocabSize === undefined) === (config.numMerges === undefined)) {
    issues.push({ path: 'vocabSize', message: 'give vocabSize or numMerges, one of the two' });
  }
  const byteLevel = config.preTokenizer === 'byteLevel';
  for (const path of ['limitAlphabet', 'endOfWord'] as const) {
    if (byteLevel && config[path] !== undefined)
      issues.push({ path, message: 'has no place at the byte level' });
  }
  const problem = config.endOfWord === undefined ? undefined : endOfWordProblem(config.endOfWord);
  if (problem) issues.push({ path: 'endOfWord', message: `expected ${problem}` });
  const clash = specialTexts(resolveSpecialTokens(config.specialTokens)).find((text) =>
    text.endsWith(config.endOfWord ?? '</w>'),
  );
  if (clash !== undefined && !byteLevel) {
    issues.push({ path: 'specialTokens', message: `"${clash}" ends in the end-of-word mark` });
  }
  return issues;
}

/** What an end-of-word mark must be, when this is not one: one character could not be told from the text's own. */
export function endOfWordProblem(mark: unknown): string | undefined {
  const fits = typeof mark === 'string' && /^\P{White_Space}{2,}$/u.test(mark);
  return fits ? undefined : 'at least two characters without white space';
}
