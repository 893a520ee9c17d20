/** From the plain-data rules of a mechanism's kinds to the schema of a configuration field. */
import { z } from 'zod';
import type { OptionRule, Variants } from '../../nn/variants.ts';

function typeOf(rule: OptionRule): z.ZodType {
  switch (rule.type) {
    case 'count':
      return z.int().min(rule.min ?? 1);
    case 'number':
      return rule.above === undefined ? z.number().min(rule.min ?? 0) : z.number().gt(rule.above);
    case 'rate':
      return z.number().min(0).lt(1);
    case 'flag':
      return z.boolean();
    case 'choice':
      return z.enum([...rule.of] as [string, ...string[]]);
    case 'variant':
      return variantSchema(rule.of);
  }
}

function fieldOf(rule: OptionRule): z.ZodType {
  return rule.default === undefined ? typeOf(rule).optional() : typeOf(rule).default(rule.default);
}

/** A group of `kind` and its options, for each kind. */
export function variantGroups(variants: Readonly<Record<string, Pick<Variants[string], 'options'>>>) {
  return Object.entries(variants).map(([kind, { options }]) => {
    const fields = Object.entries(options as Readonly<Record<string, OptionRule>>).map(
      ([name, rule]) => [name, fieldOf(rule)] as const,
    );
    return z.strictObject({ kind: z.literal(kind), ...Object.fromEntries(fields) });
  });
}

/** A kind's name, or a group of `kind` and its options. */
export function variantSchema<C extends string | { readonly kind: string }>(
  variants: Variants,
): z.ZodType<C> {
  const names = z.enum(Object.keys(variants) as [string, ...string[]]);
  return z.union([names, ...variantGroups(variants)]) as unknown as z.ZodType<C>;
}
