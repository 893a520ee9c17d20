/**
 * Masks. Inside heed a mask is a bool tensor in which **true means "may attend"**; other conventions are
 * other types and become a mask only through the functions here.
 */
import { expectType } from '../../core/op.ts';
import { Tensor, tensor } from '../../core/tensor.ts';
import { HeedError } from '../../errors.ts';

declare const mayAttend: unique symbol;

/**
 * A bool tensor, true = may attend; heed's only convention. Any bool tensor could mean the opposite: only the functions
 * here make a mask of one.
 */
export type Mask = Tensor & { readonly [mayAttend]: true };

/** Somebody else's bool mask in which true means "hidden", as PyTorch's `key_padding_mask`; from `dropMask`. */
export interface DropMask {
  readonly convention: 'true hides';
  readonly values: ArrayLike<number | boolean>;
  readonly shape: readonly number[];
}

/** Somebody else's additive mask: 0 where visible, −∞ where hidden; from `additiveMask`. */
export interface AdditiveMask {
  readonly convention: 'added to scores';
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
  return asMask(tensor(bytes, shape, device ? { dtype: 'bool', device } : { dtype: 'bool' }));
}

/**
 * A bool tensor in which true is known to mean "may attend", as the mask that it is.
 *
 * @throws {DTypeError} when it is not of dtype bool
 * @example
 * layer.forward(x, x, { mask: asMask(edges) });
 */
export function asMask(visible: Tensor): Mask {
  expectType('asMask', 'a mask', visible, 'bool');
  return visible as Mask;
}

/** Not for users: a copy outside of every scope. */
export function keptMask(own: Mask): Mask {
  const copy = Tensor.empty(own.shape, 'bool', own.device).keep();
  copy.data.set(own.data);
  return asMask(copy);
}

/** Says of values that true means "hidden" among them. */
export function dropMask(values: DropMask['values'], shape: readonly number[]): DropMask {
  return { convention: 'true hides', values, shape };
}

/** Says of values that they were to be added to scores: 0 where visible, −∞ where hidden. */
export function additiveMask(values: AdditiveMask['values'], shape: readonly number[]): AdditiveMask {
  return { convention: 'added to scores', values, shape };
}

/** Programs without types can confuse conventions too. */
function expectConvention(
  where: string,
  { convention: got }: { readonly convention?: string },
  wanted: string,
  made: string,
): void {
  if (got === wanted) return;
  throw new HeedError({
    where,
    expected: `a mask of the convention "${wanted}"`,
    got: got === undefined ? 'one that does not say what its values mean' : `"${got}"`,
    hint: `make it with ${made}(values, shape) if that is what they mean`,
  });
}

/**
 * A mask from one in which true means "hidden".
 *
 * @throws {HeedError} when it is of another convention
 * @example
 * fromDropMask(dropMask([false, true], [1, 1, 1, 2])); // the second key is hidden
 */
export function fromDropMask(other: DropMask, placement: Placement = {}): Mask {
  expectConvention('fromDropMask', other, 'true hides', 'dropMask');
  return mask(
    Array.from(other.values, (value) => !value),
    other.shape,
    placement,
  );
}

/** The opposite of `fromDropMask`. */
export function toDropMask(own: Mask): DropMask {
  return dropMask(
    Array.from(own.data, (value) => value === 0),
    own.shape,
  );
}

/**
 * A mask from an additive one.
 *
 * @throws {HeedError} when it is of another convention, or a value is neither 0 nor −∞: a finite value is a bias that
 *   leaks where scores are large, and must not be taken for a mask silently
 */
export function fromAdditiveMask(other: AdditiveMask, placement: Placement = {}): Mask {
  expectConvention('fromAdditiveMask', other, 'added to scores', 'additiveMask');
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
  return additiveMask(
    Array.from(own.data, (value) => (value ? 0 : Number.NEGATIVE_INFINITY)),
    own.shape,
  );
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
