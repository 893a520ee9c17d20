/** What the layers of reduced cost share. */
import { ConfigError } from '../../errors.ts';
import type { AttentionCall } from './call.ts';

/**
 * @throws {ConfigError} when positions or a cap add to scores that the mechanism does not make pair by pair
 */
export function refuseRelative(where: string, { relative }: Pick<AttentionCall, 'relative'>): void {
  if (!relative) return;
  throw new ConfigError({
    where,
    expected: 'positions that do not add to the scores',
    got: 'scores by distance, one by one, or capped',
    hint: 'use sinusoidal, learned or rotary positions',
  });
}
