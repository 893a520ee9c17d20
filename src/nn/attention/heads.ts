/** What is done to each head of `[B, T, H·D]` alike or in its own measure. */
import type { Tensor } from '../../core/tensor.ts';
import { mul } from '../../ops/elementwise/binary.ts';
import { layerNorm } from '../../ops/layer-norm/index.ts';
import { broadcastTo } from '../../ops/reduce/sum.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import { constant } from '../initializers.ts';
import { Module, type ModuleContext, type Parameter, parameter } from '../module.ts';

/** `[B, T, H·D]` times a factor for each head, `[H, 1]`. */
export function timesHeads(x: Tensor, factors: Tensor): Tensor {
  const width = x.shape[2]!;
  const heads = factors.shape[0]!;
  return mul(x, reshape(broadcastTo(factors, [heads, width / heads]), [width]));
}

/**
 * Layer norm without bias over the channels of each head; the heads share the gain.
 *
 * Paper: Dehghani et al., Scaling Vision Transformers to 22 Billion Parameters, 2023, §2, https://arxiv.org/abs/2302.05442
 */
export class HeadNorm extends Module {
  readonly weight: Parameter;

  constructor(headDim: number, context: ModuleContext) {
    super();
    this.weight = parameter([headDim], constant(1), context);
  }

  /** `[B, T, H·D]` to the same shape. */
  forward(x: Tensor): Tensor {
    const [batch, length, width] = x.shape as [number, number, number];
    const headDim = this.weight.size;
    const heads = reshape(x, [batch, length, width / headDim, headDim]);
    return reshape(layerNorm(heads, this.weight, null, 1e-6), x.shape);
  }
}
