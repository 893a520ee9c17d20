/**
 * Counter-based random numbers: Philox 4x32-10.
 *
 * A stream is named by a seed and a purpose, so nothing hidden has to be saved to continue it: the same
 * name and position give the same numbers in every process and on every device.
 *
 * Paper: Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011.
 */

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;

/** High 32 bits of the product of two unsigned 32-bit numbers. No step leaves what a double holds exactly. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return aHigh * bHigh + (middle >>> 16) + (carry >>> 16);
}

/**
 * One block of Philox 4x32-10.
 *
 * @param counter - four unsigned 32-bit words
 * @param key - two unsigned 32-bit words
 * @returns four unsigned 32-bit words, uniform and independent for distinct counters
 */
export function philox(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): [number, number, number, number] {
  let c0 = counter[0] | 0;
  let c1 = counter[1] | 0;
  let c2 = counter[2] | 0;
  let c3 = counter[3] | 0;
  let k0 = key[0] | 0;
  let k1 = key[1] | 0;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + WEYL_0) | 0;
    k1 = (k1 + WEYL_1) | 0;
  }
  return [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0];
}

/** 32-bit FNV-1a hash of a text, to turn a purpose into a word of the key. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** Position of a stream, small enough to stand in a checkpoint. */
export interface RandomState {
  readonly seed: number;
  readonly purpose: string;
  readonly position: number;
  /** Second of a pair of normal numbers that has not been given out. */
  readonly spareNormal?: number;
}

/**
 * A stream of random numbers.
 *
 * @example
 * const random = new Random(1, 'shuffle/epoch-3');
 * random.shuffle([1, 2, 3]);
 */
export class Random {
  readonly seed: number;
  readonly purpose: string;
  private readonly key: readonly [number, number];
  private position: number;
  private block: readonly number[] = [];
  private spareNormal: number | undefined;

  /**
   * @param seed - any safe integer
   * @param purpose - names the stream; streams with other purposes are independent
   * @param position - words already taken, to continue a stream
   */
  constructor(seed: number, purpose: string, position = 0) {
    this.seed = seed;
    this.purpose = purpose;
    this.key = [seed >>> 0, (hashText(purpose) ^ Math.floor(seed / 2 ** 32)) >>> 0];
    this.position = position;
  }

  /** What `Random.restore` needs to continue here. */
  state(): RandomState {
    const { seed, purpose, position, spareNormal } = this;
    return { seed, purpose, position, ...(spareNormal !== undefined && { spareNormal }) };
  }

  static restore(state: RandomState): Random {
    const random = new Random(state.seed, state.purpose, state.position);
    random.spareNormal = state.spareNormal;
    return random;
  }

  /** Next word, uniform over 0 … 2³²−1. */
  uint32(): number {
    const lane = this.position % 4;
    if (lane === 0 || this.block.length === 0) {
      const index = Math.floor(this.position / 4);
      this.block = philox([index >>> 0, Math.floor(index / 2 ** 32), 0, 0], this.key);
    }
    this.position++;
    return this.block[lane]!;
  }

  /** Uniform over [0, 1) with 53 bits. */
  uniform(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  /** Uniform integer over 0 … bound−1, without modulo bias. */
  integer(bound: number): number {
    const limit = 2 ** 32 - (2 ** 32 % bound);
    let word = this.uint32();
    while (word >= limit) word = this.uint32();
    return word % bound;
  }

  /** Standard normal (Box and Muller 1958). */
  normal(): number {
    if (this.spareNormal !== undefined) {
      const spare = this.spareNormal;
      this.spareNormal = undefined;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** Shuffles in place (Fisher and Yates) and returns the same array. */
  shuffle<T extends { length: number; [index: number]: unknown }>(items: T): T {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [items[i], items[j]] = [items[j], items[i]];
    }
    return items;
  }
}
