/**
 * Kinds of a mechanism by name, each with options. A configuration says `position: rope` or
 * `position: {kind: rope, layout: halves}`; the rules below are plain data, from which its checks, its types and the
 * schema of experiments follow.
 */
import { type ConfigIssue, nearestName, refuseIssues } from '../errors.ts';

/** What an option may be, and what it is when it is left out. */
export type OptionRule =
  | { readonly type: 'count'; readonly default?: number; readonly min?: number }
  | { readonly type: 'number'; readonly default?: number; readonly min?: number; readonly above?: number }
  | { readonly type: 'rate'; readonly default?: number }
  | { readonly type: 'flag'; readonly default?: boolean }
  | { readonly type: 'choice'; readonly of: readonly string[]; readonly default?: string }
  /** A mechanism: a kind's name, or a group of `kind` and its options. */
  | { readonly type: 'variant'; readonly of: Variants; readonly default?: string };

export type OptionRules = Readonly<Record<string, OptionRule>>;

type ValueOf<R extends OptionRule> = R extends { type: 'choice'; of: readonly (infer V)[] }
  ? V
  : R extends { type: 'variant'; of: infer V extends Variants }
    ? Choice<V>
    : R extends { type: 'flag' }
      ? boolean
      : number;
type FilledValue<R extends OptionRule> = R extends { default: unknown } ? ValueOf<R> : ValueOf<R> | undefined;

/** The options of a kind, with every default filled in. */
export type OptionsOf<R extends OptionRules> = { readonly [K in keyof R]: FilledValue<R[K]> };

/** The fields that have a default, each with it. */
export type DefaultsOf<R extends OptionRules> = {
  readonly [K in keyof R as R[K] extends { default: unknown } ? K : never]: ValueOf<R[K]>;
};

/** The defaults that rules name. */
export function defaultsOf<R extends OptionRules>(rules: R): DefaultsOf<R> {
  const fields = Object.entries(rules).filter(([, rule]) => rule.default !== undefined);
  return Object.fromEntries(fields.map(([name, rule]) => [name, rule.default])) as DefaultsOf<R>;
}

/** What is wrong with fields, by their rules; a field without a default may be left out. */
export function ruleIssues(rules: OptionRules, fields: Readonly<Record<string, unknown>>): ConfigIssue[] {
  return Object.entries(rules).flatMap(([path, rule]) => {
    const value = fields[path];
    const isLeftOut = value === undefined && rule.default === undefined;
    if (isLeftOut) return [];
    if (rule.type === 'variant') return optionIssues(path, rule.of, value);
    return fits(rule, value) ? [] : [misfit(path, rule, value)];
  });
}

/** What is wrong with a name out of a list, with the nearest one. */
export function nameIssues(path: string, value: unknown, names: readonly string[]): ConfigIssue[] {
  return ruleIssues({ [path]: { type: 'choice', of: names, default: '' } }, { [path]: value });
}

function misfit(path: string, rule: OptionRule, value: unknown): ConfigIssue {
  const help = rule.type === 'choice' ? near(value, rule.of) : '';
  return { path, message: `expected ${expectation(rule)}, got ${JSON.stringify(value)}${help}` };
}

/** One kind: the rules of its options, and how it is made. */
export interface Variant<R extends OptionRules, Args extends readonly unknown[], Made> {
  readonly options: R;
  make(options: OptionsOf<R>, ...args: Args): Made;
  /** What does not go together, among the options or with what the thing is made for. */
  // biome-ignore lint/suspicious/noExplicitAny: what a thing is made for differs by registry
  clash?(options: OptionsOf<R>, made: any): string | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: a registry holds variants of every signature
export type Variants = Readonly<Record<string, Variant<any, any, any>>>;

const exclusions = new WeakMap<Variants, string>();

/** Kinds, with why they cannot be had together for those who ask for several. */
export function exclusive<V extends Variants>(why: string, variants: V): V {
  exclusions.set(variants, why);
  return variants;
}

/** Keeps the types of a kind's options together with its constructor. */
export function variant<const R extends OptionRules, Args extends readonly unknown[], Made>(
  options: R,
  make: (options: OptionsOf<R>, ...args: Args) => Made,
  clash?: (options: OptionsOf<R>, made: Args[0]) => string | undefined,
): Variant<R, Args, Made> {
  return clash ? { options, make, clash } : { options, make };
}

/** A name, or a group with `kind` and some of its options. */
export type Choice<V extends Variants> =
  | (keyof V & string)
  | {
      readonly [K in keyof V & string]: { readonly kind: K } & {
        readonly [O in keyof V[K]['options']]?: ValueOf<V[K]['options'][O]> | undefined;
      };
    }[keyof V & string];

/** The kind that a choice names. */
export function kindOf(choice: string | { readonly kind: string }): string {
  return typeof choice === 'string' ? choice : choice.kind;
}

function expectation(rule: OptionRule): string {
  switch (rule.type) {
    case 'count':
      return `a whole number of at least ${rule.min ?? 1}`;
    case 'number':
      return rule.above !== undefined
        ? `a number above ${rule.above}`
        : `a number of at least ${rule.min ?? 0}`;
    case 'rate':
      return 'a rate of at least 0 and below 1';
    case 'flag':
      return 'true or false';
    case 'choice':
      return `one of ${rule.of.join(', ')}`;
    case 'variant':
      return `one of ${Object.keys(rule.of).join(', ')}, or a group of kind and options`;
  }
}

function fits(rule: OptionRule, value: unknown): boolean {
  if (rule.type === 'flag') return typeof value === 'boolean';
  if (rule.type === 'choice') return rule.of.includes(value as string);
  if (rule.type === 'variant') return optionIssues('', rule.of, value).length === 0;
  if (typeof value !== 'number' || !Number.isFinite(value)) return false;
  if (rule.type === 'rate') return value >= 0 && value < 1;
  if (rule.type === 'count') return Number.isSafeInteger(value) && value >= (rule.min ?? 1);
  return rule.above !== undefined ? value > rule.above : value >= (rule.min ?? 0);
}

function near(value: unknown, names: readonly string[]): string {
  const nearest = typeof value === 'string' ? nearestName(value, names) : undefined;
  return nearest ? `; did you mean "${nearest}"?` : '';
}

function unknown(path: string, key: string, names: readonly string[]): ConfigIssue {
  const nearest = nearestName(key, names);
  const known = names.length > 0 ? `known are ${names.join(', ')}` : 'there are none';
  return {
    path: `${path}.${key}`,
    message: `unknown option; ${nearest ? `did you mean "${nearest}"?` : known}`,
  };
}

/** What is wrong with a choice, for what it is made for; nothing when it can be used. */
export function choiceIssues(
  path: string,
  variants: Variants,
  choice: unknown,
  made?: unknown,
): ConfigIssue[] {
  const issues = optionIssues(path, variants, choice);
  if (issues.length > 0 || made === undefined) return issues;
  const usable = choice as string | { readonly kind: string };
  const clash = variants[kindOf(usable)]!.clash?.(optionsOf(variants, usable as never), made);
  return clash === undefined ? [] : [{ path, message: `${kindOf(usable)}: ${clash}` }];
}

/** The kinds that are asked for at once: a list, `alibi+learned`, or `both`; undefined for a single one. */
function severalKinds(choice: unknown, kinds: readonly string[]): string[] | undefined {
  if (choice === 'both' || choice === 'all') return [];
  const parts = Array.isArray(choice) ? choice : typeof choice === 'string' ? choice.split(/[^\w-]+/) : [];
  const named = parts.filter((part) => kinds.includes(part));
  return Array.isArray(choice) || named.length > 1 ? named : undefined;
}

/** That one kind is chosen, and how it is written. */
function exclusionIssue(path: string, variants: Variants, choice: unknown, named: string[]): ConfigIssue {
  const kinds = Object.keys(variants);
  const reason = exclusions.get(variants);
  const why = reason ? `: ${reason}` : '';
  const field = path.split('.').at(-1)!;
  const ways =
    named.length > 0
      ? named.map((kind) => `${field}: ${kind}`).join(' or ')
      : `${field}: and one of ${kinds.join(', ')}`;
  const message = `expected one kind, got ${JSON.stringify(choice)}; kinds exclude each other${why}; write ${ways}`;
  return { path, message };
}

function optionIssues(path: string, variants: Variants, choice: unknown): ConfigIssue[] {
  const kinds = Object.keys(variants);
  const isGroup = typeof choice === 'object' && choice !== null && !Array.isArray(choice);
  const kind = isGroup ? (choice as { kind?: unknown }).kind : choice;
  const several = severalKinds(kind, kinds);
  if (several) return [exclusionIssue(path, variants, kind, several)];
  if (typeof kind !== 'string' || !Object.hasOwn(variants, kind)) {
    const where = isGroup ? `${path}.kind` : path;
    const got = kind === undefined ? 'nothing' : JSON.stringify(kind);
    return [{ path: where, message: `expected one of ${kinds.join(', ')}, got ${got}${near(kind, kinds)}` }];
  }
  if (!isGroup) return [];
  const rules: OptionRules = variants[kind]!.options;
  return Object.entries(choice).flatMap(([key, value]): ConfigIssue[] => {
    if (key === 'kind' || value === undefined) return [];
    const rule = rules[key];
    if (!rule) return [unknown(path, key, Object.keys(rules))];
    return fits(rule, value) ? [] : [misfit(`${path}.${key}`, rule, value)];
  });
}

/** The options of a choice that `choiceIssues` found no fault with, with every default. */
export function optionsOf<V extends Variants>(
  variants: V,
  choice: Choice<V>,
): Readonly<Record<string, unknown>> {
  const rules: OptionRules = variants[kindOf(choice)]!.options;
  const given = typeof choice === 'string' ? {} : (choice as Readonly<Record<string, unknown>>);
  return Object.fromEntries(Object.entries(rules).map(([key, rule]) => [key, given[key] ?? rule.default]));
}

/**
 * Makes what a choice names.
 *
 * @param where - who asks, for messages
 * @throws {ConfigError} for an unknown kind or option, and for a clash with what it is made for
 */
export function makeVariant<Args extends readonly unknown[], Made>(
  where: string,
  // biome-ignore lint/suspicious/noExplicitAny: the options of each kind differ
  variants: Readonly<Record<string, Variant<any, Args, Made>>>,
  choice: string | { readonly kind: string },
  ...args: Args
): Made {
  refuseIssues(where, choiceIssues('choice', variants, choice, args[0]));
  return variants[kindOf(choice)]!.make(optionsOf(variants, choice as never), ...args);
}
