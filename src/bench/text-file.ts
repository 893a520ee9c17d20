/** The text that some benchmarks learn from. */
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, DataError } from '../errors.ts';
import { loadDictionary } from '../train/prepare-data.ts';

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

/** The package whose words stand in for a text that nobody has named. */
export const dictionaryPackage = 'cmu-pronouncing-dictionary';

function dictionaryLines(): string[] | undefined {
  try {
    return Object.entries(loadDictionary(dictionaryPackage)).map(
      ([word, phonemes]) => `${word} ${phonemes}\n`,
    );
  } catch {
    return undefined;
  }
}

/**
 * Writes every third line of the pronouncing dictionary, `word PHONEMES`, 1.1 MB, into a file in a new folder.
 *
 * @returns its path, or undefined where the package is not installed
 */
export function dictionaryText(): string | undefined {
  const lines = dictionaryLines();
  if (!lines) return undefined;
  const path = join(mkdtempSync(join(tmpdir(), 'heed-bench-')), `${dictionaryPackage}.txt`);
  writeFileSync(path, lines.filter((_, i) => i % 3 === 0).join(''));
  return path;
}
