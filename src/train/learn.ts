/** From the losses of a batch to the gradients of all parameters. */
import { scope } from '../core/scope.ts';
import { backward } from '../core/tape.ts';
import type { Tensor } from '../core/tensor.ts';
import { collectAuxiliary, type Measure } from '../nn/auxiliary.ts';
import { add } from '../ops/elementwise/binary.ts';
import { scale } from '../ops/elementwise/scale.ts';
import { sum } from '../ops/reduce/sum.ts';

/** Sums over the tokens of a batch. */
export interface LossSums {
  /** With label smoothing, nats. */
  readonly loss: number;
  readonly tokens: number;
}

/** What a batch gave the training log. */
export interface TrainingSums extends LossSums {
  /** Means that parts of the model measure, by name. */
  readonly measures: Readonly<Record<string, Measure>>;
}

/**
 * Adds the gradients of `weight · loss sum / totalTokens` to the parameters, and those of the losses that parts of the
 * model contribute, each weighted by the batch's share of the tokens.
 *
 * @param lossesOf - runs the model; gives the loss of every label of the batch
 * @param tokens - labels of the batch
 * @param totalTokens - labels of all batches whose gradients are added up
 * @returns the sum of the losses, without the weight
 */
export function learnFrom(
  lossesOf: () => Tensor,
  tokens: number,
  totalTokens: number,
  weight = 1,
): TrainingSums {
  return scope(() => {
    const { result, auxiliary } = collectAuxiliary(lossesOf);
    const loss = sumOf(result);
    const share = tokens / totalTokens;
    const further = auxiliary.losses.map((contributed) => scale(contributed, share));
    backward(further.reduce(add, scale(sum(result), weight / totalTokens)));
    return { loss, tokens, measures: auxiliary.measures };
  });
}

/** Sum of the elements. */
export function sumOf({ data }: Tensor): number {
  let total = 0;
  for (let i = 0; i < data.length; i++) total += data[i]!;
  return total;
}
