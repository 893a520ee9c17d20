/** Lines to standard output or to a file. */
import { createWriteStream, realpathSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { ConfigError } from '../errors.ts';
import { diskProblem } from '../train/atomic.ts';

export interface LineWriter {
  /** Resolves when more can be written. */
  lines(lines: readonly string[]): Promise<void>;
  /** Resolves when everything is written. */
  end(): Promise<void>;
}

function whereIs(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

/**
 * A file is opened, and what was in it replaced, with the first lines: an input that cannot be read costs nothing.
 *
 * @param path - standard output when undefined
 * @param input - the file that is read meanwhile
 * @throws {ConfigError} when the output would overwrite the input
 */
export function lineWriter(path: string | undefined, input: string | undefined): LineWriter {
  if (
    path !== undefined &&
    input !== undefined &&
    whereIs(path) !== undefined &&
    whereIs(path) === whereIs(input)
  ) {
    throw new ConfigError({
      where: '--output',
      expected: 'another file than --input',
      got: `${path} for both`,
      hint: 'write to a new file, and rename it afterwards',
    });
  }
  return path === undefined ? toStream(() => process.stdout) : toFile(path);
}

/** Waits for the stream; its errors belong to the whole process (`endWithOutput`). */
function toStream(open: () => Writable): LineWriter {
  return {
    lines: (lines) =>
      new Promise((resolve) => {
        const stream = open();
        if (stream.write(lines.map((line) => `${line}\n`).join(''))) resolve();
        else stream.once('drain', resolve);
      }),
    end: () => Promise.resolve(),
  };
}

function toFile(path: string): LineWriter {
  let stream: Writable | undefined;
  let reject: (error: unknown) => void = () => {};
  const failed = new Promise<never>((_, refuse) => {
    reject = refuse;
  });
  failed.catch(() => {});
  const open = (): Writable => {
    stream ??= createWriteStream(path).once('error', (error) => reject(diskProblem(path, error)));
    return stream;
  };
  const { lines } = toStream(open);
  return {
    lines: (all) => Promise.race([failed, lines(all)]),
    end: () => Promise.race([failed, new Promise<void>((resolve) => open().once('finish', resolve).end())]),
  };
}
