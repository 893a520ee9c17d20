/** Lines of a file or of standard input, as commands read them: an empty input is no mistake. */
import { streamFileLines, streamLines } from '../data/lines.ts';
import { ConfigError, DataError, TokenizerError } from '../errors.ts';

/** What standard input is called in messages. */
export const standardInput = 'standard input';

/** @param file - standard input when undefined */
export function inputLines(file: string | undefined): AsyncGenerator<string> {
  const options = { allowEmpty: true };
  return file === undefined
    ? streamLines(process.stdin, standardInput, options)
    : streamFileLines(file, options);
}

/**
 * What becomes of one line.
 *
 * @param line - counted from 1
 * @throws {DataError} that names the line, where the line is what cannot be used
 */
export function fromLine<T>(file: string | undefined, line: number, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof TokenizerError)) throw error;
    const name = file ?? standardInput;
    throw new DataError({
      ...{ where: `${name}:${line}`, file: name, line, cause: error },
      problem: error.statement.slice(`${error.where}: `.length),
      ...(error.hint !== undefined && { hint: error.hint }),
    });
  }
}
