/** What zod finds wrong with an experiment, in our words: path, expectation, nearest valid name. */
import type { z } from 'zod';
import { lengthPolicies } from '../../data/length-policy.ts';
import { readers } from '../../data/readers.ts';
import { type ConfigIssue, nearestName } from '../../errors.ts';
import { modelOptions } from '../../models/registry.ts';
import { choiceIssues, type Variants } from '../../nn/variants.ts';
import { tokenizerKinds } from '../../tokenizers/kinds.ts';
import { modelKinds, variantFields } from './model-schema.ts';
import { experimentSchema } from './schema.ts';

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

export function describe(value: unknown): string {
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
export function translate(issue: Issue, root: unknown): ConfigIssue[] {
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

/** The kinds that a field chooses from; those of a model are the wanted architecture's. */
function variantsAt(path: readonly PropertyKey[], root: unknown): Variants | undefined {
  if (dotted(path) === 'data.tooLong') return lengthPolicies;
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
