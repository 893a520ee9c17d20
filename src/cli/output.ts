/** What the command line prints: JSON lines, and one line for an error. */
import { HeedError } from '../errors.ts';

/** Exit codes: a bug or a failure, a user's mistake, a fallback that `--strict` refuses. */
const exitCodes = { failure: 1, mistake: 2, strict: 3 } as const;

/** Prints one JSON object on one line of standard output. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Prints a line on standard error: progress, notes and warnings never mix with results. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** How many texts were longer than the model takes. */
export function countTruncated(translations: readonly { readonly truncated: boolean }[]): number {
  return translations.filter(({ truncated }) => truncated).length;
}

/** Says how many texts were cut; nothing when none was. */
export function noteTruncated(count: number): void {
  if (count === 0) return;
  const lines = count === 1 ? 'line was' : 'lines were';
  note(`note: ${count} ${lines} longer than the model takes and cut`);
}

/** Prints a user's mistake as one line and gives its exit code. */
export function reportMistake(message: string): number {
  note(`heed: ${message.replace(/\s*\n\s*/g, ' ')}`);
  return exitCodes.mistake;
}

/** Prints an error as one line and gives its exit code: 2 for a user's mistake, 3 for `--strict`, 1 for anything else. */
export function reportError(error: unknown): number {
  if (error instanceof HeedError) {
    reportMistake(error.message);
    return error.code === 'E_STRICT' ? exitCodes.strict : exitCodes.mistake;
  }
  const known = systemProblem(error);
  if (known) return reportMistake(known);
  const message = error instanceof Error ? error.message : String(error);
  note(`heed: internal error: ${message}; hint: HEED_DEBUG=1 prints where, please report it`);
  if (process.env.HEED_DEBUG && error instanceof Error) note(error.stack ?? '');
  return exitCodes.failure;
}

const systemProblems: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EACCES: 'no permission',
  EPERM: 'no permission',
  EISDIR: 'is a folder, expected a file',
  ENOTDIR: 'part of the path is a file',
  ENOSPC: 'the disk is full; hint: free some space',
  EDQUOT: 'the disk quota is used up; hint: free some space',
  EROFS: 'the disk is read-only',
  EMFILE: 'too many open files',
  EIO: 'the disk cannot be read or written',
};

/** What the system or the runtime could not do, in words; undefined for any other error. */
function systemProblem(error: unknown): string | undefined {
  const { code, path, message } = error as NodeJS.ErrnoException;
  if (code !== undefined && Object.hasOwn(systemProblems, code)) {
    return path === undefined ? systemProblems[code] : `${path}: ${systemProblems[code]}`;
  }
  if (error instanceof RangeError && /array length|allocation failed/i.test(message)) {
    return `memory: not enough of it (${message}); hint: make the model, its maxSeqLen, the batch or the beam smaller`;
  }
  return undefined;
}
