/**
 * Packed batches: sequences that stand one after the other in a single batch entry, so that no row is padding and
 * no matrix product works for nothing.
 *
 * Paper: Krell et al., Efficient Sequence Packing without Cross-contamination, 2021, https://arxiv.org/abs/2107.02027
 */
import type { Device } from '../../core/device.ts';
import { type Tensor, tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import type { Mask } from './masks.ts';

/** Where n sequences begin in a row of N tokens. */
export class Packing {
  /** First token of each sequence, and N: n + 1 numbers. */
  readonly starts: Int32Array;
  /** Place of each token within its own sequence, int32 `[1, N]`. */
  readonly positions: Tensor;
  readonly device: Device;

  /** @param lengths - tokens of each sequence, in order */
  constructor(lengths: ArrayLike<number>, device: Device) {
    this.device = device;
    this.starts = new Int32Array(lengths.length + 1);
    for (let n = 0; n < lengths.length; n++) this.starts[n + 1] = this.starts[n]! + lengths[n]!;
    const places = new Int32Array(this.tokens);
    for (let n = 0; n < lengths.length; n++)
      for (let t = 0; t < lengths[n]!; t++) places[this.starts[n]! + t] = t;
    this.positions = tensor(places, [1, places.length], { dtype: 'int32', device });
  }

  /** N */
  get tokens(): number {
    return this.starts.at(-1)!;
  }

  /** Sequences. */
  get count(): number {
    return this.starts.length - 1;
  }

  /** Tokens of the longest sequence. */
  get longest(): number {
    let most = 0;
    for (let n = 0; n < this.count; n++) most = Math.max(most, this.starts[n + 1]! - this.starts[n]!);
    return most;
  }

  /** int32 ids `[1, N]` of all sequences. */
  pack(ids: Int32Array): Tensor {
    return tensor(ids, [1, this.tokens], { dtype: 'int32', device: this.device });
  }
}

/** Which packed keys belong to which packed queries: those of the same sequence. */
export class Segments {
  /** int32 `[2, n + 1]`, as the attention op takes it. */
  readonly tensor: Tensor;
  readonly queries: Packing;
  readonly keys: Packing;

  /** @throws {ShapeError} when the two sides have not the same number of sequences */
  constructor(queries: Packing, keys: Packing = queries) {
    const count = queries.starts.length;
    if (keys.starts.length !== count) {
      throw new ShapeError({
        where: 'Segments',
        expected: `${count - 1} key sequences, one for each query sequence`,
        got: String(keys.starts.length - 1),
      });
    }
    this.queries = queries;
    this.keys = keys;
    this.tensor = tensor(Int32Array.of(...queries.starts, ...keys.starts), [2, count], {
      dtype: 'int32',
      device: queries.device,
    });
  }
}

/** What hides keys from queries: a mask, the bounds of packed sequences, or nothing. */
export type Visible = Mask | Segments | null;
