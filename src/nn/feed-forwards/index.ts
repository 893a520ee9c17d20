/** Kinds of feed-forward networks by name; a new one is a file and a line here. */
import type { Tensor } from '../../core/tensor.ts';
import type { Activation } from '../../ops/activate/index.ts';
import type { Visible } from '../attention/packing.ts';
import type { Module, ModuleContext } from '../module.ts';
import { type Choice, makeVariant, variant } from '../variants.ts';
import { FeedForward } from './feed-forward.ts';

export { FeedForward, type FeedForwardOptions } from './feed-forward.ts';

/** What a feed-forward network is made for. */
export interface FeedForwardSizes {
  readonly dModel: number;
  readonly dFf: number;
  readonly activation: Activation;
  /** Rate inside the network. */
  readonly dropout: number;
}

/** A network that every position passes through alone: `[B, T, C]` to `[B, T, C]`. */
export interface FeedForwardLayer extends Module {
  /** @param visible - which rows are tokens, for networks in which tokens share something */
  forward(x: Tensor, visible?: Visible): Tensor;
}

type Args = readonly [sizes: FeedForwardSizes, context: ModuleContext];

/** Kinds of feed-forward networks. */
export const feedForwards = {
  mlp: variant({}, (_, ...[sizes, context]: Args) => new FeedForward(sizes, context)),
} as const;

/** `mlp`, or a group of `kind` and its options. */
export type FeedForwardChoice = Choice<typeof feedForwards>;

/** A feed-forward network of the kind that was chosen. */
export function makeFeedForward(
  choice: FeedForwardChoice,
  sizes: FeedForwardSizes,
  context: ModuleContext,
): FeedForwardLayer {
  return makeVariant<Args, FeedForwardLayer>(feedForwards, choice, sizes, context);
}
