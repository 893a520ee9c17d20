/** Positions as plain numbers: the simplest encodings, kept for comparison. */
import { type Tensor, tensor } from '../../core/tensor.ts';
import { add } from '../../ops/elementwise/binary.ts';
import type { Mask } from '../attention/masks.ts';
import { type Places, Position, type PositionSizes } from './position.ts';

/** The place of each token of `x`, `[rows, T]` with one row where all sequences count alike. */
function counts(x: Tensor, places: Places): Float64Array {
  if (typeof places !== 'number') return Float64Array.from(places.data);
  return Float64Array.from({ length: x.shape[1]! }, (_, t) => places + t);
}

/** `x + value` in every channel of `[B, T, C]`, by values of the places of each text or of all alike. */
function addPlaces(x: Tensor, values: Float64Array): Tensor {
  const [batch, length] = x.shape as [number, number, number];
  // A value for each row of channels: sums that repeat their middle axis have no kernel.
  const rows = Float64Array.from({ length: batch * length }, (_, i) => values[i % values.length]!);
  return add(x, tensor(rows, [batch, length, 1], { device: x.device }));
}

/** `x + pos` in every channel: values grow without bound, and drown the token vectors of a long text. */
export class CountingPosition extends Position {
  override forward(x: Tensor, places: Places = 0): Tensor {
    return addPlaces(x, counts(x, places));
  }
}

/**
 * `x + pos/(L − 1)` in every channel, L the length of the text: the range is 0 … 1, but neighbours are nearer in a
 * longer text. A decoder does not know how long its text will be, so there L is `maxSeqLen`.
 */
export class NormalizedPosition extends Position {
  private readonly fixedLength: number | undefined;

  constructor({ maxSeqLen, causal }: Pick<PositionSizes, 'maxSeqLen' | 'causal'>) {
    super();
    this.fixedLength = causal ? maxSeqLen : undefined;
  }

  override forward(x: Tensor, places: Places = 0, mask: Mask | null = null): Tensor {
    const [batch, length] = x.shape as [number, number, number];
    const count = counts(x, places);
    const lengths = mask ? maskedLengths(mask) : runLengths(count);
    const rows = mask ? batch : 1;
    const values = Float64Array.from({ length: rows * length }, (_, i) => {
      const own = this.fixedLength ?? (mask ? lengths[Math.floor(i / length)]! : lengths[i]!);
      return count[i % length]! / Math.max(1, own - 1);
    });
    return addPlaces(x, values);
  }
}

/** Tokens of each row of a padding mask. */
function maskedLengths({ data, shape }: Mask): number[] {
  const length = shape.at(-1)!;
  return Array.from({ length: shape[0]! }, (_, row) => {
    let tokens = 0;
    for (let t = 0; t < length; t++) tokens += data[row * length + t]!;
    return tokens;
  });
}

/** For each token the length of its sequence; a sequence begins where the places begin anew. */
function runLengths(places: Float64Array): Float64Array {
  const lengths = new Float64Array(places.length);
  let start = 0;
  for (let i = 1; i <= places.length; i++) {
    if (i < places.length && places[i]! > places[i - 1]!) continue;
    lengths.fill(places[i - 1]! + 1, start, i);
    start = i;
  }
  return lengths;
}
