/** Packed sequences as a padded batch and back, for mechanisms that need all scores of a sequence at once. */
import { type Tensor, tensor } from '../../core/tensor.ts';
import { embedding } from '../../ops/embedding/index.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import { type Mask, paddingMask } from './masks.ts';
import type { Packing } from './packing.ts';

/** The places of packed rows in a batch `[B, L]` of the longest sequence's length. */
export class Padded {
  readonly mask: Mask;
  private readonly intoBatch: Tensor;
  private readonly intoRow: Tensor;

  constructor({ starts, count, longest, device, tokens }: Packing) {
    const into = new Int32Array(count * longest); // padding repeats the first row and is masked
    const back = new Int32Array(tokens);
    const isToken = new Uint8Array(count * longest);
    for (let n = 0; n < count; n++) {
      for (let t = 0; t < starts[n + 1]! - starts[n]!; t++) {
        into[n * longest + t] = starts[n]! + t;
        back[starts[n]! + t] = n * longest + t;
        isToken[n * longest + t] = 1;
      }
    }
    this.intoBatch = tensor(into, [count, longest], { dtype: 'int32', device });
    this.intoRow = tensor(back, [1, tokens], { dtype: 'int32', device });
    this.mask = paddingMask(isToken, count, longest, { device });
  }

  /** `[1, N, C]` to `[B, L, C]` */
  unpack(x: Tensor): Tensor {
    return embedding(reshape(x, x.shape.slice(1)), this.intoBatch);
  }

  /** N ids as `[B, L]`, with `padding` where no token is. */
  unpackIds(ids: ArrayLike<number>, padding: number): Tensor {
    const { mask, intoBatch } = this;
    const values = Int32Array.from(intoBatch.data, (at, i) => (mask.data[i] ? ids[at]! : padding));
    return tensor(values, intoBatch.shape, { dtype: 'int32', device: intoBatch.device });
  }

  /** `[B, L, C]` to `[1, N, C]` */
  pack(x: Tensor): Tensor {
    const [batch, length, width] = x.shape as [number, number, number];
    return embedding(reshape(x, [batch * length, width]), this.intoRow);
  }
}
