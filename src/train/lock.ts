/** One trainer in a folder at a time. */
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { TrainingError } from '../errors.ts';
import { diskProblem } from './atomic.ts';

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

function readOwner(path: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Owner;
  } catch {
    return undefined;
  }
}

/**
 * Takes the lock of a run folder; a lock whose process is gone is taken over.
 *
 * @returns a function that gives it back
 * @throws {TrainingError} when another trainer works there
 */
export function lockFolder(folder: string): () => void {
  const path = join(folder, '.lock');
  const mine: Owner = { pid: process.pid, host: hostname(), started: startOf(process.pid) };
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const file = openSync(path, 'wx');
      writeSync(file, JSON.stringify(mine));
      closeSync(file);
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw diskProblem(folder, error);
    }
    const owner = readOwner(path);
    if (owner && isRunning(owner)) {
      throw new TrainingError({
        where: folder,
        problem: `another trainer (process ${owner.pid} on ${owner.host}) works in this folder`,
        hint: `wait for it, or choose another folder with --out; if it is gone for good, remove ${path}`,
        code: 'E_LOCKED',
      });
    }
    rmSync(path, { force: true });
  }
  throw new TrainingError({
    where: folder,
    problem: 'its lock cannot be taken',
    hint: `remove ${path}`,
    code: 'E_LOCKED',
  });
}
