/** Lines of a file or of standard input, as commands read them: an empty input is no mistake. */
import { streamFileLines, streamLines } from '../data/lines.ts';

/** What standard input is called in messages. */
export const standardInput = 'standard input';

/** @param file - standard input when undefined */
export function inputLines(file: string | undefined): AsyncGenerator<string> {
  const options = { allowEmpty: true };
  return file === undefined
    ? streamLines(process.stdin, standardInput, options)
    : streamFileLines(file, options);
}
