/**
 * Bilinear attention, "general" in Luong's words: `score(q, k) = qᵀ W k` with a matrix for each head, unscaled.
 *
 * Paper: Luong, Pham & Manning 2015, §3.1, https://arxiv.org/abs/1508.04025
 */
import type { Tensor } from '../../core/tensor.ts';
import { matmul } from '../../ops/matmul/index.ts';
import { permute } from '../../ops/shape/permute.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import { xavierUniform } from '../initializers.ts';
import { type ModuleContext, type Parameter, parameter } from '../module.ts';
import { MultiHeadAttention, type MultiHeadAttentionOptions } from './multi-head.ts';

export class BilinearAttention extends MultiHeadAttention {
  /** W `[H, D, D]` */
  readonly scoreMatrix: Parameter;

  constructor(options: MultiHeadAttentionOptions, context: ModuleContext) {
    super({ ...options, scale: 'none' }, context);
    const { headDim } = this;
    this.scoreMatrix = parameter([options.numHeads, headDim, headDim], xavierUniform, context);
  }

  /** Queries that have met the matrix: what is left is a dot product. */
  protected override readyQuery(projected: Tensor): Tensor {
    const query = super.readyQuery(projected);
    const [batch, length, width] = query.shape as [number, number, number];
    const heads = this.numHeads;
    const byHead = permute(reshape(query, [batch * length, heads, width / heads]), [1, 0, 2]); // [H, B·T, D]
    return reshape(permute(matmul(byHead, this.scoreMatrix), [1, 0, 2]), query.shape);
  }
}
