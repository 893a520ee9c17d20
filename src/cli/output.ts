/** What the command line prints: JSON lines, and one line for an error. */
import { CommanderError } from 'commander';
import { HeedError } from '../errors.ts';

/** Prints one JSON object on one line of standard output. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Prints a line on standard error: progress, notes and warnings never mix with results. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Prints an error as one line and gives its exit code: 2 for a user's mistake, 1 for anything else. */
export function reportError(error: unknown): number {
  if (error instanceof CommanderError) {
    const text = error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
    note(`heed: ${text}; hint: heed --help lists the commands and their options`);
    return 2;
  }
  if (error instanceof HeedError) {
    note(`heed: ${error.message.replace(/\s*\n\s*/g, ' ')}`);
    return 2;
  }
  const system = error as NodeJS.ErrnoException;
  if (system?.code && system.path && system.syscall) {
    note(`heed: ${system.path}: ${systemProblem(system.code)}`);
    return 2;
  }
  const message = error instanceof Error ? error.message : String(error);
  note(`heed: internal error: ${message}; hint: HEED_DEBUG=1 prints where, please report it`);
  if (process.env.HEED_DEBUG && error instanceof Error) note(error.stack ?? '');
  return 1;
}

function systemProblem(code: string): string {
  const known: Record<string, string> = {
    ENOENT: 'no such file or folder',
    EACCES: 'no permission',
    EISDIR: 'is a folder, expected a file',
    ENOTDIR: 'is a file, expected a folder',
    ENOSPC: 'the disk is full',
    EROFS: 'the disk is read-only',
  };
  return known[code] ?? code;
}
