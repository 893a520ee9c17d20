/** Sequences of ids into one rectangle, with the mask of what is real. */
import { ShapeError } from '../errors.ts';

/** How sequences are padded to one length. */
export interface CollateOptions {
  readonly padId: number;
  /** Where the padding goes. Default right. */
  readonly side?: 'right' | 'left';
  /** T; the longest sequence when left out. */
  readonly length?: number;
}

/** A padded batch; arrays are row-major. */
export interface PaddedBatch {
  /** Token ids. [B, T] */
  readonly ids: Int32Array;
  /** 1 = a real token, 0 = padding. [B, T] */
  readonly mask: Uint8Array;
  /** Real tokens of each row. [B] */
  readonly lengths: Int32Array;
  /** B */
  readonly batch: number;
  /** T */
  readonly length: number;
}

/**
 * Pads sequences to one length.
 *
 * @throws ShapeError when a sequence is longer than `length`
 * @example
 * collate([[5, 6], [7]], { padId: 0 }).ids; // Int32Array [5, 6, 7, 0]
 */
export function collate(sequences: readonly (readonly number[])[], options: CollateOptions): PaddedBatch {
  const { padId, side = 'right' } = options;
  const lengths = Int32Array.from(sequences, (sequence) => sequence.length);
  const longest = lengths.reduce((a, b) => Math.max(a, b), 0);
  const length = options.length ?? longest;
  if (length < longest) {
    throw new ShapeError({
      where: 'collate',
      expected: `sequences of at most ${length} tokens`,
      got: `sequence ${lengths.indexOf(longest)} of ${longest} tokens`,
      hint: 'raise length, or apply a length policy first',
    });
  }
  const batch = sequences.length;
  const ids = new Int32Array(batch * length).fill(padId);
  const mask = new Uint8Array(batch * length);
  sequences.forEach((sequence, row) => {
    const start = row * length + (side === 'left' ? length - sequence.length : 0);
    ids.set(sequence, start);
    mask.fill(1, start, start + sequence.length);
  });
  return { ids, mask, lengths, batch, length };
}

/**
 * What the decoder is given and what it must say, for teacher forcing: input = BOS + y, labels = y + EOS.
 *
 * @param target - ids of y without begin and end tokens
 * @returns two sequences of length |y| + 1
 */
export function shiftRight(
  target: readonly number[],
  { bos, eos }: { readonly bos: number; readonly eos: number },
): { input: number[]; labels: number[] } {
  return { input: [bos, ...target], labels: [...target, eos] };
}
