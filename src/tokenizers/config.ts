/** Checks a training configuration and lists everything that is wrong with it. */
import { ConfigError, type ConfigIssue, suggest } from '../errors.ts';
import { kinds, tokenizerKinds } from './kinds.ts';
import { optionProblem } from './options.ts';
import type { TokenizerConfig, TokenizerKind } from './types.ts';

/** @throws ConfigError listing every bad field */
export function checkTokenizerConfig(config: TokenizerConfig): void {
  const issues = tokenizerIssues(config);
  if (issues.length === 0) return;
  throw new ConfigError({
    where: 'tokenizer configuration',
    problem: issues.map((issue) => `${issue.path}: ${issue.message}`).join('; '),
    hint: 'see TokenizerConfig for the options of each kind',
    issues,
  });
}

/** Everything that is wrong with a configuration: field by field, then what does not go together. */
export function tokenizerIssues(config: TokenizerConfig): ConfigIssue[] {
  if (!Object.hasOwn(kinds, String(config.kind))) return [unknownKind(config.kind)];
  return [...fieldIssues(config), ...(kinds[config.kind].clashes?.(config) ?? [])];
}

function unknownKind(kind: unknown): ConfigIssue {
  return { path: 'kind', message: `unknown kind "${kind}", ${suggest(String(kind), tokenizerKinds)}` };
}

/** Fields that are no options of a kind: those of the configuration itself. */
const ownFields = ['kind', 'specialTokens'];

function fieldIssues(config: TokenizerConfig): ConfigIssue[] {
  const { options } = kinds[config.kind];
  const known = [...Object.keys(options), ...ownFields];
  return Object.entries(config).flatMap(([path, value]) => {
    if (value === undefined || ownFields.includes(path)) return [];
    const message = Object.hasOwn(options, path)
      ? optionProblem(options[path]!, value)
      : `not an option of kind ${config.kind satisfies TokenizerKind}, ${suggest(path, known)}`;
    return message === undefined ? [] : [{ path, message }];
  });
}
