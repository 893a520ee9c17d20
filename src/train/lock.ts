/** One trainer in a folder at a time. */
import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { TrainingError } from '../errors.ts';
import { diskProblem, removeQuietly, writeDurably } from './atomic.ts';

interface Owner {
  readonly pid: number;
  readonly host: string;
  /** When the process started, where the system tells: a number may be given to another process later. */
  readonly started: string;
}

function startOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function isRunning({ pid, host, started }: Owner): boolean {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return startOf(pid) === started;
}

function parseOwner(text: string | undefined): Owner | undefined {
  try {
    return JSON.parse(text ?? '') as Owner;
  } catch {
    return undefined;
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** A link makes the lock appear with its content in one step; false when there is one already. */
function tryLink(own: string, path: string): boolean {
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    // ENOENT: the winner has tidied the folder up, this process's file included.
    if (codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Removes the lock of a dead process, and not the one that somebody else has put there meanwhile. */
function removeStale(path: string, stale: string | undefined): void {
  const aside = `${path}-stale-${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  if (textOf(aside) !== stale) tryLink(aside, path);
  rmSync(aside, { force: true });
}

function locked(folder: string, path: string, owner: Owner | undefined): TrainingError {
  const who = owner ? ` (process ${owner.pid} on ${owner.host})` : '';
  return new TrainingError({
    where: folder,
    problem: `another trainer${who} works in this folder`,
    hint: `wait for it, or choose another folder with --out; if it is gone for good, remove ${path}`,
    code: 'E_LOCKED',
  });
}

/**
 * Takes the lock of a run folder; a lock whose process is gone is taken over.
 *
 * @returns a function that gives it back
 * @throws {TrainingError} when another trainer works there, or the folder cannot be written to
 */
export function lockFolder(folder: string): () => void {
  const path = join(folder, '.lock');
  const own = join(folder, `.tmp-${process.pid}-${randomUUID()}`);
  const mine: Owner = { pid: process.pid, host: hostname(), started: startOf(process.pid) };
  try {
    writeDurably(own, new TextEncoder().encode(JSON.stringify(mine)));
    for (let attempt = 0; attempt < 3; attempt++) {
      if (tryLink(own, path)) return () => removeQuietly(path);
      const text = textOf(path);
      const owner = parseOwner(text);
      if (owner && isRunning(owner)) throw locked(folder, path, owner);
      removeStale(path, text);
    }
    throw locked(folder, path, undefined);
  } catch (error) {
    throw diskProblem(folder, error);
  } finally {
    removeQuietly(own);
  }
}
