/**
 * What a recurrent decoder says when it looks at its source: `h̃ = tanh(W [c; h])`, from its state and the context.
 *
 * Paper: Luong, Pham & Manning 2015, §3, https://arxiv.org/abs/1508.04025
 */
import type { Tensor } from '../core/tensor.ts';
import type { Mask } from '../nn/attention/masks.ts';
import type { Visible } from '../nn/attention/packing.ts';
import { maskOfRows, type SourceAttention, type SourceMemory } from '../nn/attention/source.ts';
import { Linear } from '../nn/linear.ts';
import { Module, type ModuleContext } from '../nn/module.ts';
import { tanh } from '../ops/elementwise/unary.ts';
import { concat } from '../ops/shape/slice.ts';

/** What a step says, and where it looked. */
export interface AttentiveStep {
  /** `[B, 1, C]` */
  readonly output: Tensor;
  /** `[B, 1, S]` */
  readonly weights: Tensor;
}

/** `h̃ = tanh(W [c; h])`. Paper: Luong et al. 2015, §3. */
export class AttentiveOutput extends Module {
  readonly attention: SourceAttention;
  readonly combination: Linear;

  constructor(attention: SourceAttention, dModel: number, context: ModuleContext) {
    super();
    this.attention = attention;
    this.combination = new Linear(2 * dModel, dModel, context);
  }

  /** states `[B, T, C]` */
  forward(states: Tensor, memory: SourceMemory, visible: Visible): Tensor {
    return this.combine(this.attention.attendTo(states, memory, visible), states);
  }

  /**
   * One step.
   *
   * @param states - `[B, 1, C]`
   * @param before - weights `[B, S]` of the step before, for attention that remembers; null at first
   */
  step(states: Tensor, memory: SourceMemory, visible: Mask | null, before: Tensor | null): AttentiveStep {
    const { contexts, weights } = this.attention.align(states, memory, maskOfRows(visible), before);
    return { output: this.combine(contexts, states), weights };
  }

  private combine(contexts: Tensor, states: Tensor): Tensor {
    return tanh(this.combination.forward(concat([contexts, states], 2)));
  }
}
