/** Kinds of norms by name; a new one is a file and a line here. */
import type { ModuleContext } from '../module.ts';
import { type Choice, makeVariant, variant } from '../variants.ts';
import { LayerNorm } from './layer-norm.ts';
import type { Norm, NormSizes } from './norm.ts';

export { LayerNorm } from './layer-norm.ts';
export { Norm, type NormSizes } from './norm.ts';

type Args = readonly [sizes: NormSizes, context: ModuleContext];

/** Kinds of norms. */
export const norms = {
  layer: variant({}, (_, ...[{ width, eps }, context]: Args) => new LayerNorm(width, context, eps)),
} as const;

/** `layer`, or a group of `kind` and its options. */
export type NormChoice = Choice<typeof norms>;

/** A norm of the kind that was chosen. */
export function makeNorm(choice: NormChoice, sizes: NormSizes, context: ModuleContext): Norm {
  return makeVariant<Args, Norm>(norms, choice, sizes, context);
}
