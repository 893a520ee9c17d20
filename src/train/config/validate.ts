/** From a YAML text to a valid experiment, or to one error that lists every bad field. */
import YAML from 'yaml';
import { z } from 'zod';
import { readLines } from '../../data/lines.ts';
import { readers } from '../../data/readers.ts';
import { ConfigError, type ConfigIssue, nearestName } from '../../errors.ts';
import { kindsFor, type ModelTask, modelOptions } from '../../models/registry.ts';
import {
  mechanismIssues,
  positionChoice,
  readsTrees,
  type TransformerConfig,
  transformerDefaults,
} from '../../models/transformer-config.ts';
import { choiceIssues, kindOf, type Variants } from '../../nn/variants.ts';
import { tokenizerIssues } from '../../tokenizers/config.ts';
import { tokenizerKinds } from '../../tokenizers/kinds.ts';
import type { TokenizerConfig } from '../../tokenizers/types.ts';
import { modelKinds, variantFields } from './model-schema.ts';
import {
  type Experiment,
  experimentSchema,
  isPairExperiment,
  isTaggingExperiment,
  isTextExperiment,
  type PairExperiment,
  type TaggingExperiment,
  type TextExperiment,
} from './schema.ts';

type Issue = z.core.$ZodIssue;

/** `data.train.format` */
function dotted(path: readonly PropertyKey[]): string {
  return path.map(String).join('.');
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const part of path) value = (value as Record<PropertyKey, unknown> | undefined)?.[part];
  return value;
}

const DESCRIBED = 60;

function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value);
  return text.length > DESCRIBED ? `${text.slice(0, DESCRIBED)}…` : text;
}

/** The object schema that stands at a path, to know its fields. */
function fieldsAt(path: readonly PropertyKey[], value: unknown): string[] {
  let schema: z.core.$ZodType = experimentSchema;
  let here: unknown = value;
  for (const part of path) {
    schema = shapeOf(schema, here)[String(part)] ?? schema;
    here = (here as Record<PropertyKey, unknown> | undefined)?.[part];
  }
  return Object.keys(shapeOf(schema, here));
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  const def = schema._zod.def as { innerType?: z.core.$ZodType };
  return def.innerType ? unwrap(def.innerType) : schema;
}

/** Fields of an object schema; of a union, those of the option that fits `value` best. */
function shapeOf(wrapped: z.core.$ZodType, value: unknown): Record<string, z.core.$ZodType> {
  const schema = unwrap(wrapped);
  const def = schema._zod.def as { shape?: Record<string, z.core.$ZodType>; options?: z.core.$ZodType[] };
  if (def.shape) return def.shape;
  const own = Object.keys((value ?? {}) as object);
  const literal = (option: z.core.$ZodType, key: string): unknown =>
    (unwrap(shapeOf(option, undefined)[key]!)._zod.def as { values?: unknown[] }).values?.[0];
  const score = (option: z.core.$ZodType): number => {
    const shape = shapeOf(option, undefined);
    const tag = ['format', 'kind'].find((key) => key in shape);
    const isTagged = tag !== undefined && literal(option, tag) === (value as Record<string, unknown>)?.[tag];
    return own.filter((key) => key in shape).length + (isTagged ? 100 : 0);
  };
  const best = (def.options ?? []).toSorted((a, b) => score(b) - score(a))[0];
  return best ? shapeOf(best, value) : {};
}

function unknownFields(issue: z.core.$ZodIssueUnrecognizedKeys, root: unknown): ConfigIssue[] {
  const known = fieldsAt(issue.path, root);
  return issue.keys.map((key) => {
    const near = nearestName(key, known);
    const help = near ? `did you mean "${near}"?` : `known are ${known.join(', ')}`;
    return { path: dotted([...issue.path, key]), message: `unknown field; ${help}` };
  });
}

function oneOf(path: readonly PropertyKey[], values: readonly unknown[], got: unknown): ConfigIssue {
  const options = values.map(String);
  const near = typeof got === 'string' ? nearestName(got, options) : undefined;
  const help = near ? `; did you mean "${near}"?` : '';
  return {
    path: dotted(path),
    message: `expected one of ${options.join(', ')}, got ${describe(got)}${help}`,
  };
}

/** An issue of zod in our words. */
function translate(issue: Issue, root: unknown): ConfigIssue[] {
  const got = valueAt(root, issue.path);
  const at = (message: string): ConfigIssue[] => [{ path: dotted(issue.path), message }];
  switch (issue.code) {
    case 'unrecognized_keys':
      return unknownFields(issue, root);
    case 'invalid_value':
      return [oneOf(issue.path, issue.values, got)];
    case 'invalid_type':
      return at(
        `expected ${issue.expected === 'int' ? 'a whole number' : article(issue.expected)}, got ${describe(got)}`,
      );
    case 'too_small':
      return at(
        `expected ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}, got ${describe(got)}`,
      );
    case 'too_big':
      return at(
        `expected ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}, got ${describe(got)}`,
      );
    case 'invalid_union':
      return unionIssues(issue, root);
    default:
      return at(`${issue.message}, got ${describe(got)}`);
  }
}

function article(type: string): string {
  if (type === 'object' || type === 'record') return 'a group of fields';
  return type === 'array' ? 'a list' : `a ${type}`;
}

/** The values that tell the members of a union apart. */
function tagNames(path: readonly PropertyKey[], tag: string): string[] {
  if (tag === 'kind') return [...tokenizerKinds];
  return path.length === 2 ? ['pairs', 'text', 'conll'] : Object.keys(readers);
}

/** The kinds that a field of the wanted architecture chooses from. */
function variantsAt(path: readonly PropertyKey[], root: unknown): Variants | undefined {
  const own = modelOptions[String(valueAt(root, ['model', 'kind']))]?.options;
  if (path[0] !== 'model' || !own) return variantFields[dotted(path)];
  const rule = own[String(path[1])];
  return path.length === 2 && rule?.type === 'variant' ? rule.of : undefined;
}

function unionIssues(issue: z.core.$ZodIssueInvalidUnion, root: unknown): ConfigIssue[] {
  const place = dotted(issue.path);
  const variants = variantsAt(issue.path, root);
  if (variants) return choiceIssues(place, variants, valueAt(root, issue.path));
  if (place === 'model') return modelIssues(issue, root);
  const tag = (issue as { discriminator?: string }).discriminator;
  if (tag !== undefined) {
    const path = issue.path.at(-1) === tag ? issue.path : [...issue.path, tag];
    return [oneOf(path, tagNames(path, tag), valueAt(root, path))];
  }
  const closest = issue.errors.toSorted((a, b) => a.length - b.length)[0] ?? [];
  return closest.flatMap((inner) =>
    translate({ ...inner, path: [...issue.path, ...inner.path] } as Issue, root),
  );
}

/** Of the schemas of all architectures, what that of the wanted one says. */
function modelIssues(issue: z.core.$ZodIssueInvalidUnion, root: unknown): ConfigIssue[] {
  const path = [...issue.path, 'kind'];
  const kind = valueAt(root, path) ?? modelKinds[0];
  const own = issue.errors[modelKinds.indexOf(String(kind))];
  if (!own) return [oneOf(path, modelKinds, kind)];
  return own.flatMap((inner) => translate({ ...inner, path: [...issue.path, ...inner.path] } as Issue, root));
}

type Need = (fine: boolean, path: string, message: string) => void;

/** Rules between fields, which a schema of single fields cannot say. */
function crossIssues(experiment: Experiment): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const need: Need = (fine, path, message) => {
    if (!fine) issues.push({ path, message });
  };
  const { tokenizer, training, evaluation, model } = experiment;
  if (isTextExperiment(experiment)) textRules(experiment, need);
  if (isTaggingExperiment(experiment)) taggingRules(experiment, need);
  if (isPairExperiment(experiment)) pairRules(experiment, need);
  const { maxSteps, maxEpochs, maxMinutes } = training;
  need(
    [maxSteps, maxEpochs, maxMinutes].some(Boolean),
    'training',
    'expected maxSteps, maxEpochs or maxMinutes',
  );
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
  for (const field of ['scheduledSampling', 'reinforce'] as const) {
    const fine = training[field] === undefined || model.kind !== 'nat';
    need(fine, `training.${field}`, 'expected a model that writes one token after the other, got kind "nat"');
  }
  const clashes = isTransformer(model)
    ? transformerClashes(model)
    : (modelOptions[model.kind]?.clashes?.(model as never) ?? []);
  issues.push(...clashes.map(({ path, message }) => ({ path: `model.${path}`, message })));
  return issues;
}

/** The kind of model fits the data. */
function modelRule({ model }: Experiment, tasks: readonly ModelTask[], what: string, need: Need): void {
  const kinds = tasks.flatMap(kindsFor);
  const expected = `expected one of ${kinds.join(', ')} for ${what}, got "${model.kind}"`;
  need(kinds.includes(model.kind), 'model.kind', expected);
}

function pairRules(experiment: PairExperiment, need: Need): void {
  const { data, model, evaluation, tokenizer, training } = experiment;
  modelRule(experiment, ['translation'], 'pairs of texts', need);
  need(Boolean(data.all) !== Boolean(data.train), 'data', 'expected either `all` with `split`, or `train`');
  need(!data.all || Boolean(data.split), 'data.split', 'expected with `data.all`');
  need(evaluation.stride === undefined, 'evaluation.stride', 'expected with a running text only');
  const copies = model.kind === 'transformer' && model.copy;
  need(!copies || 'shared' in tokenizer, 'model.copy', 'expected `tokenizer.shared`: one vocabulary');
  const isBlockwise = model.kind === 'transformer' && model.blockwise !== undefined;
  need(
    !copies || !isBlockwise,
    'model.blockwise',
    'expected none with copy: heads for later tokens copy nothing',
  );
  const { labelSmoothing } = training;
  need(
    !copies || labelSmoothing === 0,
    'training.labelSmoothing',
    `expected 0 with model.copy, got ${labelSmoothing}`,
  );
  const config = isTransformer(model) ? configOf(model) : undefined;
  const isUnbounded =
    config &&
    (['encoder', 'decoder'] as const).every((role) => kindOf(positionChoice(config, role)) === 'none');
  const longest = Math.max(data.maxSourceLength, data.maxTargetLength) + 1;
  need(
    isUnbounded || longest <= (model.maxSeqLen ?? longest),
    'model.maxSeqLen',
    `expected at least ${longest} (the longest text and its end token), got ${model.maxSeqLen}`,
  );
  if (!config || !readsTrees(config)) return;
  for (const part of ['all', 'train', 'validation', 'test'] as const) {
    const format = data[part]?.format ?? 'conllu';
    const message = `expected conllu, sources with the trees that the model looks at, got "${format}"`;
    need(format === 'conllu', `data.${part}.format`, message);
  }
}

type TransformerSection = Extract<Experiment['model'], { kind: 'transformer' }>;

function isTransformer(model: Experiment['model']): model is TransformerSection {
  return model.kind === 'transformer';
}

/** What a section says, with vocabularies that are not known yet. */
function configOf(model: TransformerSection): TransformerConfig {
  return { ...transformerDefaults, sourceVocabSize: 1, targetVocabSize: 1, ...model, finalNorm: false };
}

function textRules(experiment: TextExperiment, need: Need): void {
  const { data, model, evaluation, tokenizer, training } = experiment;
  for (const field of ['scheduledSampling', 'reinforce'] as const)
    need(training[field] === undefined, `training.${field}`, 'expected with pairs of texts only');
  const { segmentLength, split, masking, corruption } = data;
  if (corruption) corruptionRules(experiment, need);
  else modelRule(experiment, ['language-model', 'masked-language-model'], 'a running text', need);
  const isMasked = kindsFor('masked-language-model').includes(model.kind);
  const masked = kindsFor('masked-language-model').join(', ');
  need(
    isMasked || !masking,
    'data.masking',
    `expected with a masked language model (${masked}), got kind "${model.kind}"`,
  );
  const sum = (masking?.mask ?? 0) + (masking?.random ?? 0);
  need(
    sum <= 1 + 1e-9,
    'data.masking',
    `expected shares of mask and random that sum to at most 1, got ${sum}`,
  );
  need(
    !isMasked || evaluation.stride === undefined,
    'evaluation.stride',
    'expected with a model of the next token only',
  );
  need(Boolean(data.path) !== Boolean(data.train), 'data', 'expected either `path`, or `train`');
  const isSplit = data.path !== undefined;
  for (const part of ['validation', 'test'] as const)
    need(!isSplit || data[part] === undefined, `data.${part}`, 'expected with `data.train` only');
  need(isSplit || !split, 'data.split', 'expected with `data.path` only');
  const held = (split?.validation ?? 0) + (split?.test ?? 0);
  need(held < 1, 'data.split', `expected shares that sum to less than 1, got ${held}`);
  need('shared' in tokenizer, 'tokenizer', 'expected `shared`: one tokenizer for the text');
  need(
    model.maxSeqLen === undefined || segmentLength <= model.maxSeqLen,
    'data.segmentLength',
    `expected at most ${model.maxSeqLen} (model.maxSeqLen), got ${segmentLength}`,
  );
  const { stride = segmentLength, metrics, test } = evaluation;
  need(
    stride <= segmentLength,
    'evaluation.stride',
    `expected at most ${segmentLength} (data.segmentLength), got ${stride}`,
  );
  const remembers = 'memoryLength' in model && (model.memoryLength as number) > 0;
  need(
    !remembers || stride === segmentLength,
    'evaluation.stride',
    'expected with a model without memory only',
  );
  need(
    corruption !== undefined || metrics.length + (test?.metrics.length ?? 0) === 0,
    'evaluation.metrics',
    'expected none: a language model reports loss and perplexity, and bitsPerCharacter or accuracy',
  );
}

/** Of hidden spans, which an encoder–decoder fills. */
function corruptionRules({ data, model, evaluation }: TextExperiment, need: Need): void {
  const isFitting = isTransformer(model) && !model.copy && !readsTrees(configOf(model));
  const got = isTransformer(model) ? 'one that copies or reads trees' : `"${model.kind}"`;
  need(isFitting, 'model.kind', `expected a plain transformer for hidden spans, got ${got}`);
  const room = data.segmentLength + 2;
  need(
    model.maxSeqLen === undefined || room <= model.maxSeqLen,
    'model.maxSeqLen',
    `expected at least ${room} (data.segmentLength, a sentinel and an end token), got ${model.maxSeqLen}`,
  );
  need(evaluation.stride === undefined, 'evaluation.stride', 'expected without data.corruption only');
}

/** What selects among the states of a tagger. */
const taggingMetrics = ['loss', 'accuracy', 'precision', 'recall', 'f1'];

function taggingRules(experiment: TaggingExperiment, need: Need): void {
  const { data, evaluation, tokenizer, training } = experiment;
  modelRule(experiment, ['tagging'], 'tagged sentences', need);
  for (const field of ['scheduledSampling', 'reinforce'] as const)
    need(training[field] === undefined, `training.${field}`, 'expected with pairs of texts only');
  need(evaluation.stride === undefined, 'evaluation.stride', 'expected with a running text only');
  need(
    evaluation.metrics.length + (evaluation.test?.metrics.length ?? 0) === 0,
    'evaluation.metrics',
    'expected none: a tagger reports loss and accuracy, and precision, recall and f1 of spans',
  );
  need(
    data.tag !== data.token,
    'data.tag',
    `expected another column than that of the tokens (${data.token})`,
  );
  need('source' in tokenizer, 'tokenizer', 'expected `source` for the tokens and `target` for the tags');
  for (const [part, { kind }] of Object.entries(tokenizer))
    need(kind === 'word', `tokenizer.${part}.kind`, `expected word: one id for each, got "${kind}"`);
}

/** What does not go together in the section of a Transformer. */
function transformerClashes(model: TransformerSection): ConfigIssue[] {
  if (model.headDim === undefined && model.dModel % model.numHeads !== 0) {
    const expected = `expected a divisor of dModel (${model.dModel}) or a headDim`;
    return [{ path: 'numHeads', message: `${expected}, got ${model.numHeads}` }];
  }
  return mechanismIssues(configOf(model));
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
  if (issues.length > 0) {
    throw new ConfigError({
      where: file,
      problem: issues.map(({ path, message }) => `${path}: ${message}`).join('; '),
      issues,
    });
  }
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
