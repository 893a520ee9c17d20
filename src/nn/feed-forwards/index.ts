/** Kinds of feed-forward networks by name; a new one is a file and a line here. */
import type { ModuleContext } from '../module.ts';
import { type Choice, makeVariant, type Variant, variant } from '../variants.ts';
import { FeedForward } from './feed-forward.ts';
import { GatedFeedForward, gateActivations } from './gated.ts';
import type { FeedForwardLayer, FeedForwardSizes } from './layer.ts';
import { MixtureOfExperts } from './mixture.ts';

export { FeedForward, type FeedForwardOptions } from './feed-forward.ts';
export { GatedFeedForward, type GatedFeedForwardOptions, gateActivations } from './gated.ts';
export type { FeedForwardLayer, FeedForwardSizes } from './layer.ts';
export { MixtureOfExperts, type MixtureOptions } from './mixture.ts';
export { expertCapacity, type Routing, routeTokens } from './routing.ts';

type Args = readonly [sizes: FeedForwardSizes, context: ModuleContext];
type GateKind = keyof typeof gateActivations;

const gateOptions = { bias: { type: 'flag', default: false } } as const;
const gateKinds = Object.keys(gateActivations) as GateKind[];
const gated = Object.fromEntries(
  gateKinds.map((kind) => [
    kind,
    variant(
      gateOptions,
      ({ bias }, ...[sizes, context]: Args) =>
        new GatedFeedForward({ ...sizes, bias, activation: gateActivations[kind] }, context),
    ),
  ]),
) as Record<GateKind, Variant<typeof gateOptions, Args, GatedFeedForward>>;

/** Networks of one part, of which an expert can be one. */
const networks = {
  mlp: variant({}, (_, ...[sizes, context]: Args) => new FeedForward(sizes, context)),
  ...gated,
} as const;

/** Kinds of feed-forward networks. */
export const feedForwards = {
  ...networks,
  moe: variant(
    {
      experts: { type: 'count', default: 8, min: 2 },
      topK: { type: 'count', default: 2 },
      capacityFactor: { type: 'number', default: 1.25, above: 0 },
      balance: { type: 'number', default: 0.01 },
      expert: { type: 'choice', of: ['mlp', 'bilinear', 'glu', 'reglu', 'geglu', 'swiglu'], default: 'mlp' },
    },
    ({ expert, ...options }, ...[sizes, context]: Args) => {
      const makeExpert = () =>
        makeVariant<Args, FeedForwardLayer>('mixture: expert', networks, expert, sizes, context);
      return new MixtureOfExperts(sizes.dModel, options, makeExpert, context);
    },
    ({ experts, topK }) =>
      topK > experts ? `expected topK of at most experts (${experts}), got ${topK}` : undefined,
  ),
} as const;

/** `swiglu`, or a group of `kind` and its options. */
export type FeedForwardChoice = Choice<typeof feedForwards>;

/** A feed-forward network of the kind that was chosen. */
export function makeFeedForward(
  choice: FeedForwardChoice,
  sizes: FeedForwardSizes,
  context: ModuleContext,
): FeedForwardLayer {
  return makeVariant<Args, FeedForwardLayer>('makeFeedForward', feedForwards, choice, sizes, context);
}
