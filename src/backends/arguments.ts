/** The argument block that every kernel is launched with, native or WebAssembly. */
import { DeviceError } from '../errors.ts';

/** The arguments of one kernel call. */
export interface KernelArguments {
  /** Outputs first, then inputs; null where the kernel allows an absent one. */
  readonly tensors: readonly (ArrayBufferView | null)[];
  readonly ints?: readonly number[];
  readonly floats?: readonly number[];
  /** Independent work items; 1 for a kernel that divides its work by itself. */
  readonly items: number;
  /** About how many elements one item touches; decides how many threads share the launch. Default 1. */
  readonly workPerItem?: number;
}

const headerLength = 5;

/**
 * Fills the block: items, workPerItem, number of tensors, of ints and of floats, then the tensors' addresses (0 =
 * absent), the ints and the floats.
 *
 * @throws {DeviceError} when there are more arguments than the block holds
 */
export function writeArguments(
  where: string,
  block: Float64Array,
  { tensors, ints = [], floats = [], items, workPerItem = 1 }: KernelArguments,
  addressOf: (view: ArrayBufferView) => number,
): void {
  const count = tensors.length + ints.length + floats.length;
  if (count > block.length - headerLength) {
    throw new DeviceError({
      where,
      expected: `at most ${block.length - headerLength} arguments`,
      got: `${count}`,
    });
  }
  block[0] = items;
  block[1] = workPerItem;
  block[2] = tensors.length;
  block[3] = ints.length;
  block[4] = floats.length;
  let at = headerLength;
  for (const tensor of tensors) block[at++] = tensor ? addressOf(tensor) : 0;
  for (const value of ints) block[at++] = value;
  for (const value of floats) block[at++] = value;
}
