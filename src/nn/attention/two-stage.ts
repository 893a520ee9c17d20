/**
 * Heads in two stages, as lectures draw them: `q = W x`, then `q_h = W_h q` for each head, and keys and values alike.
 * The product of two matrices is a matrix, so the functions are those of plain multi-head attention; training differs.
 *
 * Source: Lee, Self-attention (lecture), 2021.
 */
import type { Tensor } from '../../core/tensor.ts';
import { Linear } from '../linear.ts';
import type { ModuleContext } from '../module.ts';
import type { KeysAndValues } from './layer.ts';
import { MultiHeadAttention, type MultiHeadAttentionOptions } from './multi-head.ts';

export class TwoStageAttention extends MultiHeadAttention {
  readonly firstQuery: Linear;
  readonly firstKey: Linear;
  readonly firstValue: Linear;

  constructor(options: MultiHeadAttentionOptions, context: ModuleContext) {
    const { dModel, memoryWidth = dModel } = options;
    super({ ...options, joined: false }, context);
    this.firstQuery = new Linear(dModel, dModel, context, { bias: false });
    this.firstKey = new Linear(memoryWidth, memoryWidth, context, { bias: false });
    this.firstValue = new Linear(memoryWidth, memoryWidth, context, { bias: false });
  }

  protected override projectQuery(x: Tensor): Tensor {
    return super.projectQuery(this.firstQuery.forward(x));
  }

  override project(memory: Tensor): KeysAndValues {
    const { keys } = super.project(this.firstKey.forward(memory));
    return { keys, values: this.value.forward(this.firstValue.forward(memory)) };
  }
}
