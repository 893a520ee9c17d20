/** Kinds of attention layers by name; a new one is a file and a line here. */
import type { ModuleContext } from '../module.ts';
import { type Choice, makeVariant, variant } from '../variants.ts';
import { BilinearAttention } from './bilinear.ts';
import { HardAttention, hardEstimators } from './hard.ts';
import type { AttentionLayer, AttentionSizes } from './layer.ts';
import { MultiHeadAttention } from './multi-head.ts';
import { ParameterFreeAttention } from './parameter-free.ts';
import { TalkingHeadsAttention } from './talking-heads.ts';
import { TwoStageAttention } from './two-stage.ts';

type Args = readonly [sizes: AttentionSizes, context: ModuleContext];

const multiHeadRules = {
  numKvHeads: { type: 'count' },
  tieQueryKey: { type: 'flag', default: false },
  qkNorm: { type: 'flag', default: false },
  softCap: { type: 'number', min: 0, default: 0 },
  learnedScale: { type: 'flag', default: false },
  headGates: { type: 'flag', default: false },
} as const;

/** Kinds of attention. */
export const attentions = {
  'multi-head': variant(
    multiHeadRules,
    (options, ...[sizes, context]: Args) => new MultiHeadAttention({ ...sizes, ...options }, context),
    ({ numKvHeads, tieQueryKey }, { numHeads }: AttentionSizes) => {
      if (numHeads % (numKvHeads ?? numHeads) !== 0)
        return `expected numHeads (${numHeads}) to be a multiple of numKvHeads, got ${numKvHeads}`;
      const isGrouped = numKvHeads !== undefined && numKvHeads !== numHeads;
      return tieQueryKey && isGrouped
        ? 'tied queries and keys need as many key heads as query heads'
        : undefined;
    },
  ),
  local: variant(
    { left: { type: 'count', min: 0, default: 128 }, right: { type: 'count', min: 0, default: 128 } },
    ({ left, right }, ...[sizes, context]: Args) =>
      new MultiHeadAttention({ ...sizes, window: [left, right] }, context),
    ({ left, right }, { role }: AttentionSizes) => {
      if (role === 'cross') return 'a window needs queries and keys of one text';
      return left + right === 0 ? 'a window of 0 sees nothing but the token itself' : undefined;
    },
  ),
  'talking-heads': variant({}, (_, ...[sizes, context]: Args) => new TalkingHeadsAttention(sizes, context)),
  bilinear: variant({}, (_, ...[sizes, context]: Args) => new BilinearAttention(sizes, context)),
  hard: variant(
    { estimator: { type: 'choice', of: hardEstimators, default: 'straight-through' } },
    ({ estimator }, ...[sizes, context]: Args) => new HardAttention({ ...sizes, estimator }, context),
  ),
  'two-stage': variant({}, (_, ...[sizes, context]: Args) => new TwoStageAttention(sizes, context)),
  'parameter-free': variant({}, (_, ...[sizes]: Args) => new ParameterFreeAttention(sizes)),
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
