/**
 * The precision of large matrix products: fp32, or bf16 with sums in fp32.
 *
 * Weights, statistics and sums stay fp32; a product rounds the numbers of its operands to bf16 (8 bits of exponent as
 * fp32, 7 of mantissa) as it reads them. Activations that nothing but a product reads are stored as bf16, which changes
 * no number that a large product sees: the inner vectors of feed-forward networks.
 *
 * Paper: Micikevicius et al., Mixed Precision Training, 2017, https://arxiv.org/abs/1710.03740; Kalamkar et al., A Study
 * of BFLOAT16 for Deep Learning Training, 2019, https://arxiv.org/abs/1905.12322
 */
import { ConfigError } from '../errors.ts';
import type { Device } from './device.ts';

/** Names of the precisions. */
export const precisions = ['fp32', 'bf16'] as const;

/** How exactly matrix products see their operands. */
export type Precision = (typeof precisions)[number];

let current: Precision = 'fp32';

/** The precision of matrix products now. */
export function currentPrecision(): Precision {
  return current;
}

/**
 * Runs `body` with matrix products of a precision, those of `backward` included when it is called inside.
 *
 * @throws {ConfigError} when the device has no unit that multiplies bf16 faster than fp32
 * @example
 * withPrecision('bf16', device, () => backward(lossOf(batch)));
 */
export function withPrecision<T>(precision: Precision, device: Device, body: () => T): T {
  checkPrecision(precision, device);
  const before = current;
  current = precision;
  try {
    return body();
  } finally {
    current = before;
  }
}

/** Whether products on a device round their operands to bf16 now. */
export function roundsProducts(device: Device): boolean {
  return current === 'bf16' && device.bf16Unit !== undefined;
}

/** @throws {ConfigError} when the device cannot do it */
export function checkPrecision(precision: Precision, device: Device, where = 'precision'): void {
  if (precision !== 'bf16' || device.bf16Unit !== undefined) return;
  throw new ConfigError({
    where,
    expected: `fp32 on this machine (${device.name}: ${device.describe()})`,
    got: 'bf16',
    hint: 'bf16 needs the native kernels and a CPU with AMX (Intel from Sapphire Rapids) or AVX-512 BF16 (AMD from Zen 4)',
  });
}
