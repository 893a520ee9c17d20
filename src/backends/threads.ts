/** How many threads somebody asks for. */
import { ConfigError } from '../errors.ts';

/**
 * @throws {ConfigError} when the text is not a whole number from 1 to 256
 */
export function parseThreads(text: string, where: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text.trim()) || count < 1 || count > 256) {
    throw new ConfigError({
      where,
      expected: 'a number of threads from 1 to 256',
      got: JSON.stringify(text),
      hint: 'leave it out for the physical cores',
    });
  }
  return count;
}

/**
 * The number in HEED_THREADS; undefined where there is none. Devices of one thread ask too, so that a wrong one is never
 * passed over.
 *
 * @throws {ConfigError} when it is not a whole number from 1 to 256
 */
export function threadsOfEnvironment(): number | undefined {
  const asked = process.env.HEED_THREADS;
  return asked === undefined ? undefined : parseThreads(asked, 'HEED_THREADS');
}
