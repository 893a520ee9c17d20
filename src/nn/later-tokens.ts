/**
 * Heads that say the tokens after the next one, so that several can be proposed at once.
 *
 * `headᵢ(x) = x + FFNᵢ(x)`, i = 1 … k − 1, seen through the projection of the model; the next token itself is said
 * from x, as without them.
 *
 * Paper: Stern, Shazeer & Uszkoreit, Blockwise Parallel Decoding for Deep Autoregressive Models, 2018, §4,
 * https://arxiv.org/abs/1811.03115
 */
import { type Tensor, tensor } from '../core/tensor.ts';
import type { Activation } from '../ops/activate/index.ts';
import { crossEntropy } from '../ops/cross-entropy/index.ts';
import { add } from '../ops/elementwise/binary.ts';
import { scale } from '../ops/elementwise/scale.ts';
import { argmax } from '../ops/reduce/max.ts';
import { sum } from '../ops/reduce/sum.ts';
import { contributeLoss, contributeMeasure, isCollecting } from './auxiliary.ts';
import { FeedForward } from './feed-forwards/feed-forward.ts';
import { Module, type ModuleContext } from './module.ts';

/** Sizes of the heads. */
export interface LaterTokensOptions {
  /** k − 1 */
  readonly heads: number;
  readonly dModel: number;
  readonly dFf: number;
  readonly activation: Activation;
}

/** Sequences in a row. */
interface Row {
  readonly ids: Int32Array;
  readonly lengths: ArrayLike<number>;
}

/**
 * The labels of a head: those that stand `distance` places later in the same sequence.
 *
 * @param filler - where the sequence ends before
 */
export function laterLabels({ ids, lengths }: Row, distance: number, filler: number): Int32Array {
  const later = new Int32Array(ids.length).fill(filler);
  let start = 0;
  for (let n = 0; n < lengths.length; n++) {
    const end = start + lengths[n]!;
    if (start + distance < end) later.set(ids.subarray(start + distance, end), start);
    start = end;
  }
  return later;
}

/** Heads on the output of a decoder. */
export class LaterTokens extends Module {
  readonly heads: readonly FeedForward[];

  constructor({ heads, ...sizes }: LaterTokensOptions, context: ModuleContext) {
    super();
    this.heads = Array.from({ length: heads }, () => new FeedForward(sizes, context));
  }

  /** Of each head, the vectors `[B, T, C]` that are projected to logits. */
  states(x: Tensor): Tensor[] {
    return this.heads.map((head) => add(x, head.forward(x)));
  }

  /**
   * The likeliest token of each head after each place of `x` `[B, T, C]`.
   *
   * @param project - vectors to logits
   * @returns for each head int32 `[B, T]`
   */
  likeliest(x: Tensor, project: (state: Tensor) => Tensor): Tensor[] {
    return this.states(x).map((state) => argmax(project(state)));
  }

  /**
   * Adds the mean of the heads' cross-entropies to the loss of a training step; nothing outside of one.
   *
   * @param x - output of the decoder `[1, N, C]`
   * @param labels - the next token of each place
   */
  contribute(
    x: Tensor,
    project: (state: Tensor) => Tensor,
    labels: Row,
    options: { readonly labelSmoothing: number; readonly ignoreIndex: number },
  ): void {
    if (!isCollecting()) return;
    const losses = this.states(x).map((state, i) => {
      const ids = laterLabels(labels, i + 1, options.ignoreIndex);
      const wanted = tensor(ids, [1, ids.length], { dtype: 'int32', device: x.device });
      return sum(crossEntropy(project(state), wanted, options));
    });
    const mean = scale(losses.reduce(add), 1 / (losses.length * labels.ids.length));
    contributeLoss(mean);
    contributeMeasure('laterLoss', { total: mean.item(), count: 1 });
  }
}
