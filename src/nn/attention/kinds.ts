/** Kinds of attention layers by name; a new one is a file and a line here. */
import type { ModuleContext } from '../module.ts';
import { type Choice, makeVariant, variant } from '../variants.ts';
import type { AttentionLayer, AttentionSizes } from './layer.ts';
import { MultiHeadAttention } from './multi-head.ts';

type Args = readonly [sizes: AttentionSizes, context: ModuleContext];

/** Kinds of attention. */
export const attentions = {
  'multi-head': variant({}, (_, ...[sizes, context]: Args) => new MultiHeadAttention(sizes, context)),
  local: variant(
    { left: { type: 'count', min: 0, default: 128 }, right: { type: 'count', min: 0, default: 128 } },
    ({ left, right }, ...[sizes, context]: Args) =>
      new MultiHeadAttention({ ...sizes, window: [left, right] }, context),
    (_, { role }) =>
      role === 'cross'
        ? 'a window needs queries and keys of one text; crossAttention cannot be local'
        : undefined,
  ),
} as const;

/** `local`, or a group of `kind` and its options. */
export type AttentionChoice = Choice<typeof attentions>;

/** An attention layer of the kind that was chosen. */
export function makeAttention(
  choice: AttentionChoice,
  sizes: AttentionSizes,
  context: ModuleContext,
): AttentionLayer {
  return makeVariant<Args, AttentionLayer>(attentions, choice, sizes, context);
}
