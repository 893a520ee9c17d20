/** Files that are read as a whole, with an error that a person understands when they cannot be. */
import { readFileSync } from 'node:fs';
import { DataError } from '../errors.ts';

const problems: Readonly<Record<string, readonly [problem: string, hint: string]>> = {
  ENOENT: ['no such file', 'a path starts at the folder in which the program runs'],
  ENOTDIR: ['part of the path is a file', 'a path starts at the folder in which the program runs'],
  EISDIR: ['is a folder, expected a file', 'name the file inside it'],
  EACCES: ['no permission to read it', 'change its permissions, or name another file'],
};

/** The error for a file that cannot be read; anything else as it is. */
export function unreadable(path: string, error: unknown): unknown {
  const known = problems[(error as NodeJS.ErrnoException)?.code ?? ''];
  if (!known) return error;
  const [problem, hint] = known;
  return new DataError({ where: path, file: path, problem, hint, cause: error });
}

/**
 * All bytes of a file.
 *
 * @throws {DataError} when there is no such file, it is a folder or may not be read
 */
export function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}
