/**
 * Which elements dropout keeps: a hash of the element's place and a key, so that no mask is ever stored and
 * forward, backward and every device agree. native/dropout.h is the same function in C.
 */

/** Names one use of dropout: two unsigned 32-bit words. */
export type DropoutKey = readonly [number, number];

const GOLDEN = 0x9e3779b9;
const LEVELS = 2 ** 24;

/** The value that an element's 24-bit hash must reach to be kept, for dropout rate `p`. */
export function keepThreshold(p: number): number {
  return Math.round(p * LEVELS);
}

/** Whether the element at `place` is kept. */
export function isKept(place: number, [k0, k1]: DropoutKey, threshold: number): boolean {
  let hash = (Math.imul(place, GOLDEN) + k0) | 0;
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x7feb352d);
  hash ^= hash >>> 15;
  hash ^= k1;
  hash = Math.imul(hash, 0x846ca68b);
  hash ^= hash >>> 16;
  return hash >>> 8 >= threshold;
}
