/** The text that some benchmarks learn from. */
import { existsSync, readFileSync } from 'node:fs';
import { ConfigError, DataError } from '../errors.ts';

/**
 * The content of a text file that the user has named.
 *
 * @param where - the benchmark, for errors
 * @throws {ConfigError} when none was named
 * @throws {DataError} when it is not there
 */
export function readTextFile(path: string | undefined, where: string): string {
  if (path === undefined || path === '') {
    throw new ConfigError({
      where,
      expected: 'a text file to learn from',
      got: 'none',
      hint: "name one with --data FILE or HEED_BENCH_TEXT, for example Shakespeare's in one file of 1.1 MB",
    });
  }
  if (!existsSync(path)) throw new DataError({ where: path, file: path, problem: 'there is no such file' });
  return readFileSync(path, 'utf8');
}
