/** Standard output that cannot take more: a reader such as `head` that has seen enough, or a full disk. */
import { reportError } from './output.ts';

/**
 * Ends the process when its output is gone: without a word for a closed pipe, with one line for anything else.
 * A command that listens for interrupts, as training does, is asked for an orderly end first.
 */
export function endWithOutput(): void {
  let isEnding = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (isEnding) return;
    isEnding = true;
    if (process.listenerCount('SIGTERM') > 0) process.emit('SIGTERM', 'SIGTERM');
    else process.exit(error.code === 'EPIPE' ? 0 : reportError(named(error)));
  });
  process.stderr.on('error', () => {});
}

function named(error: NodeJS.ErrnoException): NodeJS.ErrnoException {
  return Object.assign(error, { path: 'standard output' });
}
