/** Writing so that a crash at any moment leaves either the old or the new file, never half of one. */
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { TrainingError } from '../errors.ts';

/**
 * Makes a folder and those above it. Not `mkdirSync` with `recursive`: on some file systems (`/proc`) it never ends.
 *
 * @throws {TrainingError} when the place is not writable
 */
export function makeFolder(path: string): void {
  if (existsSync(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent);
  try {
    mkdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw diskProblem(path, error);
  }
}

/** Makes a folder's entries durable. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Writes a file and waits until it is on the disk. */
export function writeDurably(path: string, bytes: Uint8Array): void {
  const file = openSync(path, 'w');
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Removes what is not needed any more, if it can: a leftover must neither stop a run nor hide another error. */
export function removeQuietly(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // It stays; half-written things are removed by the next start.
  }
}

/** Writes a file through a temporary one beside it. */
export function writeAtomically(path: string, content: string | Uint8Array): void {
  const temporary = `${path}.tmp-${process.pid}`;
  try {
    writeDurably(temporary, typeof content === 'string' ? new TextEncoder().encode(content) : content);
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (error) {
    removeQuietly(temporary);
    throw diskProblem(path, error);
  }
}

/** Hexadecimal SHA-256. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const reasons: Readonly<Record<string, readonly [problem: string, hint: string]>> = {
  ENOSPC: ['the disk is full', 'free some space; a training goes on with --resume'],
  EDQUOT: ['the disk quota is used up', 'free some space; a training goes on with --resume'],
  EACCES: ['no permission to write there', 'choose another place to write'],
  EPERM: ['no permission to write there', 'choose another place to write'],
  EIO: ['the disk reports an error', 'check the disk, then go on with --resume'],
  EROFS: ['the disk is read-only', 'choose another place to write'],
  ENOENT: [
    'there is no such folder, or it takes no new entries',
    'make the folder first, or choose another one',
  ],
  ENOTDIR: ['part of the path is a file', 'choose another place to write'],
  EISDIR: ['is a folder, expected a file', 'name a file inside it'],
  EBUSY: ['is a folder, expected a file', 'name a file inside it'],
};

/** A failed write as an error that says what to do; anything else as it is. */
export function diskProblem(path: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException)?.code;
  const known = code === undefined ? undefined : reasons[code];
  if (!known) return error;
  const [problem, hint] = known;
  return new TrainingError({
    where: path,
    problem,
    hint,
    code: code === 'ENOSPC' || code === 'EDQUOT' ? 'E_DISK_FULL' : 'E_NOT_WRITABLE',
    cause: error,
  });
}
