/** Which rows of a batch are the steps of which sequence. */
import type { Device } from '../../core/device.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { type RowRange, sequencePlan } from '../../ops/recurrent/plan.ts';
import type { Packing } from '../attention/packing.ts';

/** The sequences of a batch, packed or padded: what a recurrent layer walks along. */
export class Sequences {
  /** Steps of each sequence, in order. */
  readonly lengths: readonly number[];
  /** Rows of the batch, padding included. */
  readonly rows: number;
  /** int32 `[3, n]`, as the recurrent op takes it. */
  readonly plan: Tensor;

  private constructor(ranges: readonly RowRange[], rows: number, device: Device) {
    this.lengths = ranges.map(({ length }) => length);
    this.rows = rows;
    this.plan = sequencePlan(ranges, rows, device);
  }

  /** Sequences one after the other, `[1, N, C]`. */
  static packed({ starts, tokens, device }: Packing): Sequences {
    const ranges = Array.from({ length: starts.length - 1 }, (_, i) => ({
      first: starts[i]!,
      length: starts[i + 1]! - starts[i]!,
    }));
    return new Sequences(ranges, tokens, device);
  }

  /**
   * Sequences at the start of the rows of a rectangle `[B, T, C]`.
   *
   * @param lengths - of the B sequences
   * @throws {ShapeError} when one is longer than `room`, T
   */
  static padded(lengths: ArrayLike<number>, room: number, device: Device): Sequences {
    const ranges = Array.from(lengths, (length, i) => ({ first: i * room, length }));
    const tooLong = ranges.find(({ length }) => length > room);
    if (tooLong) {
      throw new ShapeError({
        where: 'Sequences',
        expected: `at most ${room} steps`,
        got: `a sequence of ${tooLong.length}`,
      });
    }
    return new Sequences(ranges, ranges.length * room, device);
  }

  /** One step of each of n sequences, `[n, 1, C]`. */
  static steps(n: number, device: Device): Sequences {
    return Sequences.padded(new Array(n).fill(1), 1, device);
  }

  get count(): number {
    return this.lengths.length;
  }
}
