/** From a YAML text to a valid experiment, or to one error that lists every bad field. */
import YAML from 'yaml';
import { z } from 'zod';
import { readLines } from '../../data/lines.ts';
import { ConfigError, type ConfigIssue, refuseIssues } from '../../errors.ts';
import { modelOptions } from '../../models/registry.ts';
import { tokenizerIssues } from '../../tokenizers/config.ts';
import type { TokenizerConfig } from '../../tokenizers/types.ts';
import { describe, translate } from './messages.ts';
import { pairRules } from './pair-rules.ts';
import { isTransformer, type Need, transformerClashes } from './rules.ts';
import {
  type Experiment,
  experimentSchema,
  isPairExperiment,
  isTaggingExperiment,
  isTextExperiment,
} from './schema.ts';
import { taggingMetrics, taggingRules } from './tagging-rules.ts';
import { textRules } from './text-rules.ts';
import { trainingRules } from './training-rules.ts';

/** Rules between fields, which a schema of single fields cannot say. */
function crossIssues(experiment: Experiment): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const need: Need = (fine, path, message) => {
    if (!fine) issues.push({ path, message });
  };
  const { tokenizer, evaluation, model } = experiment;
  if (isTextExperiment(experiment)) textRules(experiment, need);
  if (isTaggingExperiment(experiment)) taggingRules(experiment, need);
  if (isPairExperiment(experiment)) pairRules(experiment, need);
  trainingRules(experiment, need);
  const choices = isTaggingExperiment(experiment) ? taggingMetrics : ['loss', ...evaluation.metrics];
  need(
    choices.includes(evaluation.selectBy),
    'evaluation.selectBy',
    `expected one of ${choices.join(', ')}, got "${evaluation.selectBy}"`,
  );
  for (const [part, config] of Object.entries(tokenizer)) {
    for (const { path, message } of tokenizerIssues(config as TokenizerConfig)) {
      issues.push({ path: `tokenizer.${part}.${path}`, message });
    }
  }
  const clashes = isTransformer(model)
    ? transformerClashes(model)
    : (modelOptions[model.kind]?.clashes?.(model as never) ?? []);
  issues.push(...clashes.map(({ path, message }) => ({ path: `model.${path}`, message })));
  return issues;
}

/**
 * Checks an experiment and fills in the defaults.
 *
 * @param value - what the YAML said
 * @param file - its name, for the message
 * @throws {ConfigError} listing every bad field with its path, what was expected and the nearest valid name
 */
export function validateExperiment(value: unknown, file = 'experiment'): Experiment {
  const parsed = experimentSchema.safeParse(value);
  const issues = parsed.success
    ? crossIssues(parsed.data)
    : parsed.error.issues.flatMap((issue) => translate(issue, value));
  refuseIssues(file, issues);
  return parsed.data!;
}

/** Sets `path` (`a.b.c`) in a tree of objects; the text is read as YAML, so that numbers are numbers. */
export function setByPath(tree: Record<string, unknown>, assignment: string): void {
  const split = assignment.indexOf('=');
  if (split < 1) {
    throw new ConfigError({
      where: '--set',
      expected: 'path=value, as in training.maxSteps=100',
      got: JSON.stringify(assignment),
    });
  }
  const path = assignment.slice(0, split).split('.');
  if (
    path.some((part) => part === '' || part === '__proto__' || part === 'constructor' || part === 'prototype')
  ) {
    throw new ConfigError({
      where: '--set',
      expected: 'a dotted path of names',
      got: JSON.stringify(assignment),
    });
  }
  let at = tree;
  for (const part of path.slice(0, -1)) {
    const next = at[part];
    at = (typeof next === 'object' && next !== null ? next : (at[part] = {})) as Record<string, unknown>;
  }
  at[path.at(-1)!] = parseYaml(assignment.slice(split + 1), `--set ${path.join('.')}`);
}

function parseYaml(text: string, where: string): unknown {
  try {
    return YAML.parse(text, { logLevel: 'error' }) as unknown;
  } catch (error) {
    const problem = (error as Error).message.split('\n')[0]!.replace(/:$/, '');
    throw new ConfigError({
      where,
      problem: `not YAML: ${problem}`,
      hint: 'indent with spaces, and quote texts with a colon',
    });
  }
}

/**
 * Reads an experiment from a YAML file.
 *
 * @param assignments - `a.b=value`, put over the file's values
 * @throws {ConfigError} when the file is not YAML or any field is wrong
 * @throws {DataError} when there is no such file, or it is empty or not UTF-8 text
 */
export function loadExperiment(path: string, assignments: readonly string[] = []): Experiment {
  const value = parseYaml(readLines(path).join('\n'), path);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ConfigError({
      where: path,
      expected: 'a YAML file of fields such as `name: reverse`',
      got: value === null ? 'no field at all' : describe(value),
    });
  }
  for (const assignment of assignments) setByPath(value as Record<string, unknown>, assignment);
  return validateExperiment(value, path);
}

/** The JSON Schema of an experiment, for editors. */
export function experimentJsonSchema(): unknown {
  return { title: 'heed experiment', ...z.toJSONSchema(experimentSchema, { io: 'input' }) };
}
