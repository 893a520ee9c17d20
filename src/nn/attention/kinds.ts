/** Kinds of attention layers by name; a new one is a file and a line here. */
import type { Window } from '../../ops/attention/window.ts';
import type { ModuleContext } from '../module.ts';
import { scoringPositions } from '../position/index.ts';
import { type Choice, makeVariant, type OptionRules, type OptionsOf, variant } from '../variants.ts';
import { AdditiveAttention } from './additive.ts';
import { BilinearAttention } from './bilinear.ts';
import { type Guidance, guidanceClash, guidanceRules } from './guided.ts';
import { HardAttention } from './hard.ts';
import { hardEstimators } from './hard-weights.ts';
import type { AttentionLayer, AttentionSizes } from './layer.ts';
import { LinearAttention } from './linear.ts';
import { LinformerAttention, linformerSharings } from './linformer.ts';
import { MultiHeadAttention } from './multi-head.ts';
import { ParameterFreeAttention } from './parameter-free.ts';
import type { PatternOptions } from './patterns.ts';
import { SparseAttention } from './sparse.ts';
import { TalkingHeadsAttention } from './talking-heads.ts';
import { TreeGraphAttention, treeEdges } from './tree-graph.ts';
import { TwoStageAttention } from './two-stage.ts';

type Args = readonly [sizes: AttentionSizes, context: ModuleContext];

const multiHeadRules = {
  numHeads: { type: 'count' },
  numKvHeads: { type: 'count' },
  tieQueryKey: { type: 'flag', default: false },
  qkNorm: { type: 'flag', default: false },
  softCap: { type: 'number', min: 0, default: 0 },
  learnedScale: { type: 'flag', default: false },
  headGates: { type: 'flag', default: false },
} as const;
const talking = { talkingHeads: { type: 'flag', default: false } } as const;
const guided = { ...multiHeadRules, ...guidanceRules } as const;

type MultiHeadChoices = OptionsOf<typeof multiHeadRules>;

/** Sizes of as many heads as a kind has of its own, together as wide as those of the model. */
function withHeads(sizes: AttentionSizes, numHeads: number = sizes.numHeads): AttentionSizes {
  const share = sizes.numHeads / numHeads;
  return { ...sizes, numHeads, headDim: sizes.headDim * share, valueDim: sizes.valueDim * share };
}

/** Multi-head attention with its switches, within a window or without one. */
function multiHead(
  {
    talkingHeads,
    numHeads,
    ...options
  }: MultiHeadChoices & OptionsOf<typeof talking> & Guidance & { window?: Window },
  ...[sizes, context]: Args
): MultiHeadAttention {
  const Layer = talkingHeads ? TalkingHeadsAttention : MultiHeadAttention;
  return new Layer({ ...withHeads(sizes, numHeads), ...options }, context);
}

/** Whether positions work inside the attention, on its projections or its scores. */
function hasInnerPosition({ role, position = 'none' }: AttentionSizes): boolean {
  return role !== 'cross' && (position === 'rope' || scoringPositions.has(position));
}

/** What is wrong with a number of heads that is not the model's. */
function ownHeadsClash(numHeads: number, sizes: AttentionSizes): string | undefined {
  const { headDim, valueDim } = withHeads(sizes, numHeads);
  if (!Number.isInteger(headDim) || !Number.isInteger(valueDim))
    return `expected numHeads to divide the width of all heads (${sizes.numHeads * sizes.headDim}), got ${numHeads}`;
  return numHeads !== sizes.numHeads && hasInnerPosition(sizes)
    ? `position ${sizes.position} is made for the ${sizes.numHeads} heads of the model, got numHeads ${numHeads}`
    : undefined;
}

/** What is wrong with the heads of queries and keys. */
function headClash(
  {
    numHeads: own,
    numKvHeads,
    tieQueryKey,
  }: Pick<MultiHeadChoices, 'numHeads' | 'numKvHeads' | 'tieQueryKey'>,
  sizes: AttentionSizes,
): string | undefined {
  const clash = own === undefined ? undefined : ownHeadsClash(own, sizes);
  if (clash) return clash;
  const numHeads = own ?? sizes.numHeads;
  if (numHeads % (numKvHeads ?? numHeads) !== 0)
    return `expected numHeads (${numHeads}) to be a multiple of numKvHeads, got ${numKvHeads}`;
  const isGrouped = numKvHeads !== undefined && numKvHeads !== numHeads;
  return tieQueryKey && isGrouped ? 'tied queries and keys need as many key heads as query heads' : undefined;
}

/** What is wrong with the heads of keys, or with a loss that draws attention to the diagonal. */
function guidedClash(options: OptionsOf<typeof guided>, sizes: AttentionSizes): string | undefined {
  if (options.guidedWeight > 0 && sizes.role !== 'cross')
    return 'guidedWeight draws attention between two texts to the diagonal; choose it for crossAttention';
  return headClash(options, sizes) ?? guidanceClash(options);
}

/** What is wrong with a window: it must leave a token something to see. */
function windowClash(left: number, right: number, { role }: AttentionSizes): string | undefined {
  if (role === 'cross') return 'a window needs queries and keys of one text';
  const nothing = 'a window of 0 sees nothing but the token itself';
  if (role === 'decoder' && left === 0)
    return `${nothing}, because no later token may be seen; expected left of at least 1`;
  return left + right === 0 ? `${nothing}; expected left or right of at least 1` : undefined;
}

const blocks = { blockSize: { type: 'count', default: 16 } } as const;
const seeded = { seed: { type: 'count', min: 0, default: 0 } } as const;

/** What keeps a kind from its place that works within one text and makes no score of a pair that can be added to. */
function selfOnly({ role, position = 'none' }: AttentionSizes): string | undefined {
  if (role === 'cross') return 'it needs queries and keys of one text';
  return scoringPositions.has(position)
    ? `position ${position} adds to scores that it does not make; use sinusoidal, learned or rope`
    : undefined;
}

/** A kind whose options are a pattern's. */
function sparse<const R extends OptionRules>(rules: R) {
  return variant(
    rules,
    (pattern, ...[sizes, context]: Args) => new SparseAttention({ ...sizes, pattern }, context),
    (pattern, sizes: AttentionSizes) => selfOnly(sizes) ?? patternClash(pattern),
  );
}

/** What is wrong with a pattern: it must leave a block something to see. */
function patternClash({ window, globals, random }: Omit<PatternOptions, 'causal'>): string | undefined {
  return window || globals || random
    ? undefined
    : 'a window of 0 without global and random blocks sees nothing but the own block; expected window, globals or random of at least 1';
}

/** Kinds of attention. */
export const attentions = {
  'multi-head': variant(
    { ...guided, ...talking },
    (options, ...args: Args) => multiHead(options, ...args),
    (options, sizes: AttentionSizes) => guidedClash(options, sizes),
  ),
  local: variant(
    {
      left: { type: 'count', min: 0, default: 128 },
      right: { type: 'count', min: 0, default: 128 },
      ...multiHeadRules,
      ...talking,
    },
    ({ left, right, ...options }, ...args: Args) => multiHead({ ...options, window: [left, right] }, ...args),
    ({ left, right, ...options }, sizes: AttentionSizes) =>
      windowClash(left, right, sizes) ?? headClash(options, sizes),
  ),
  global: sparse({
    globals: { type: 'count', default: 1 },
    window: { type: 'count', min: 0, default: 4 },
    ...blocks,
  }),
  random: sparse({
    random: { type: 'count', default: 4 },
    window: { type: 'count', min: 0, default: 0 },
    ...blocks,
    ...seeded,
  }),
  bigbird: sparse({
    window: { type: 'count', min: 0, default: 1 },
    globals: { type: 'count', min: 0, default: 2 },
    random: { type: 'count', min: 0, default: 3 },
    ...blocks,
    ...seeded,
  }),
  linformer: variant(
    {
      rows: { type: 'count', default: 128 },
      sharing: { type: 'choice', of: linformerSharings, default: 'heads' },
    },
    (options, ...[sizes, context]: Args) => new LinformerAttention({ ...sizes, ...options }, context),
    (_, sizes: AttentionSizes) =>
      sizes.role === 'encoder'
        ? selfOnly(sizes)
        : 'each projected key mixes the whole text, later tokens too: only encoderAttention can be linformer',
  ),
  linear: variant(
    {},
    (_, ...[sizes, context]: Args) => new LinearAttention(sizes, context),
    (_, sizes: AttentionSizes) => selfOnly(sizes),
  ),
  /** `multi-head` with its switch `talkingHeads`. */
  'talking-heads': variant(
    guided,
    (options, ...args: Args) => multiHead({ ...options, talkingHeads: true }, ...args),
    (options, sizes: AttentionSizes) => guidedClash(options, sizes),
  ),
  additive: variant(
    {},
    (_, ...[sizes, context]: Args) => new AdditiveAttention(sizes, context),
    (_, { role, position }: AttentionSizes) =>
      role !== 'cross' && position === 'rope'
        ? 'rope turns queries and keys for scores that are their products; choose positions that are added'
        : undefined,
  ),
  bilinear: variant({}, (_, ...[sizes, context]: Args) => new BilinearAttention(sizes, context)),
  hard: variant(
    { estimator: { type: 'choice', of: hardEstimators, default: 'straight-through' } },
    ({ estimator }, ...[sizes, context]: Args) => new HardAttention({ ...sizes, estimator }, context),
  ),
  'two-stage': variant({}, (_, ...[sizes, context]: Args) => new TwoStageAttention(sizes, context)),
  graph: variant(
    {
      edges: { type: 'choice', of: treeEdges, default: 'dependencies' },
      relations: { type: 'flag', default: true },
    },
    (options, ...[sizes, context]: Args) => new TreeGraphAttention({ ...sizes, ...options }, context),
    (_, { role }: AttentionSizes) =>
      role === 'encoder'
        ? undefined
        : 'only sources have trees along whose edges it could look: only encoderAttention can be graph',
  ),
  'parameter-free': variant(
    {},
    (_, ...[sizes]: Args) => new ParameterFreeAttention(sizes),
    (_, sizes: AttentionSizes) =>
      hasInnerPosition(sizes)
        ? `position ${sizes.position} works on projections, which it has not; use sinusoidal or learned`
        : undefined,
  ),
} as const;

/** Kinds that need the trees of the texts. */
export const treeAttentions: ReadonlySet<string> = new Set<keyof typeof attentions>(['graph']);

/** `local`, or a group of `kind` and its options. */
export type AttentionChoice = Choice<typeof attentions>;

/** An attention layer of the kind that was chosen. */
export function makeAttention(
  choice: AttentionChoice,
  sizes: AttentionSizes,
  context: ModuleContext,
): AttentionLayer {
  return makeVariant<Args, AttentionLayer>('makeAttention', attentions, choice, sizes, context);
}
