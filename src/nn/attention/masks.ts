/**
 * Masks. Inside heed a mask is a bool tensor in which **true means "may attend"**; other conventions are
 * other types and become a mask only through the functions here.
 */
import type { Tensor } from '../../core/tensor.ts';
import { tensor } from '../../core/tensor.ts';
import { HeedError } from '../../errors.ts';

declare const convention: unique symbol;

/** A bool tensor, true = may attend; heed's only convention. */
export type Mask = Tensor & { readonly [convention]?: 'may attend' };

/** Somebody else's bool mask in which true means "hidden", as PyTorch's `key_padding_mask`. */
export interface DropMask {
  readonly [convention]?: 'hidden';
  readonly values: ArrayLike<number | boolean>;
  readonly shape: readonly number[];
}

/** Somebody else's additive mask: 0 where visible, −∞ (or a very large negative number) where hidden. */
export interface AdditiveMask {
  readonly [convention]?: 'additive';
  readonly values: ArrayLike<number>;
  readonly shape: readonly number[];
}

interface Placement {
  readonly device?: Tensor['device'];
}

/** A mask from values of which the true ones may be attended to. */
export function mask(
  values: ArrayLike<number | boolean>,
  shape: readonly number[],
  { device }: Placement = {},
): Mask {
  const bytes = Uint8Array.from(values as ArrayLike<number>, (value) => Number(Boolean(value)));
  return tensor(bytes, shape, device ? { dtype: 'bool', device } : { dtype: 'bool' });
}

/** A mask from one in which true means "hidden". */
export function fromDropMask(other: DropMask, placement: Placement = {}): Mask {
  return mask(
    Array.from(other.values, (value) => !value),
    other.shape,
    placement,
  );
}

/** The opposite of `fromDropMask`. */
export function toDropMask(own: Mask): DropMask {
  return { values: Array.from(own.data, (value) => value === 0), shape: own.shape };
}

/**
 * A mask from an additive one.
 *
 * @throws {HeedError} when a value is neither 0 nor −∞: a finite value is a bias that leaks where scores are
 *   large, and must not be taken for a mask silently
 */
export function fromAdditiveMask(other: AdditiveMask, placement: Placement = {}): Mask {
  const odd = Array.from(other.values).find((value) => value !== 0 && value !== Number.NEGATIVE_INFINITY);
  if (odd !== undefined) {
    throw new HeedError({
      where: 'fromAdditiveMask',
      expected: 'only 0 (visible) and -Infinity (hidden)',
      got: String(odd),
      hint: 'map your large negative number to -Infinity first, if it was meant to hide',
    });
  }
  return mask(
    Array.from(other.values, (value) => value === 0),
    other.shape,
    placement,
  );
}

/** The opposite of `fromAdditiveMask`. */
export function toAdditiveMask(own: Mask): AdditiveMask {
  return {
    values: Array.from(own.data, (value) => (value ? 0 : Number.NEGATIVE_INFINITY)),
    shape: own.shape,
  };
}

/**
 * The padding mask of a batch.
 *
 * @param isToken - `[B · S]`, true for real tokens
 * @returns `[B, 1, 1, S]`
 */
export function paddingMask(
  isToken: ArrayLike<number | boolean>,
  batch: number,
  length: number,
  placement: Placement = {},
): Mask {
  return mask(isToken, [batch, 1, 1, length], placement);
}
