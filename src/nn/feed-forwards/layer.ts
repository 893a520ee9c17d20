/** What a stack of layers asks of a feed-forward network, whatever its mechanism. */
import type { Tensor } from '../../core/tensor.ts';
import type { Activation } from '../../ops/activate/index.ts';
import type { Visible } from '../attention/packing.ts';
import type { Initializer } from '../initializers.ts';
import type { Module } from '../module.ts';

/** What a feed-forward network is made for. */
export interface FeedForwardSizes {
  readonly dModel: number;
  readonly dFf: number;
  /** Of networks that have no gate. */
  readonly activation: Activation;
  /** Rate inside the network. */
  readonly dropout: number;
  /** Whether networks that have no gate have biases; true by default. */
  readonly bias?: boolean;
  /** First values of the matrices, where they are not those of the kind. */
  readonly innerInitializer?: Initializer;
  readonly outerInitializer?: Initializer;
}

/** A network that every position passes through alone: `[B, T, C]` to `[B, T, C]`. */
export interface FeedForwardLayer extends Module {
  /** @param visible - which rows are tokens, for networks whose tokens share something */
  forward(x: Tensor, visible?: Visible): Tensor;
}
