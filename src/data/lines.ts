/**
 * Lines of text from files and streams, strictly: UTF-8 or an error that names the byte.
 *
 * A byte order mark at the beginning is dropped, `\r\n` ends a line as `\n` does, U+0000 is refused.
 */
import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { DataError } from '../errors.ts';
import { readBytes, unreadable } from './file-bytes.ts';
import { ProblemList } from './problems.ts';

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const hint = 'save the file as UTF-8 text, one example on each line';

/**
 * All lines of a file, without their ends.
 *
 * @throws DataError for an empty file, and for bytes that are not UTF-8 or NUL: the first ten places with file,
 * line and byte offset in the file
 * @example
 * const lines = readLines('train.en');
 */
export function readLines(path: string): string[] {
  const bytes = readBytes(path);
  if (bytes.length === 0) throw emptyFile(path);
  const problems = new ProblemList(path, hint);
  const decoder = new LineDecoder((line, message) => problems.add(line, message));
  const lines = [...decoder.push(bytes), ...decoder.end()];
  problems.throwIfAny();
  return lines;
}

/**
 * The lines of a file as they are read, for files that do not fit in memory.
 *
 * @throws DataError as `readLines`, at the first problem; an empty file only without `allowEmpty`
 */
export async function* streamFileLines(
  path: string,
  { allowEmpty = false }: { readonly allowEmpty?: boolean } = {},
): AsyncGenerator<string> {
  try {
    yield* streamLines(createReadStream(path), path, { allowEmpty });
  } catch (error) {
    throw unreadable(path, error);
  }
}

/**
 * The lines of a byte stream.
 *
 * @param name - named in errors, as a file would be
 * @throws DataError at the first bytes that are not UTF-8 or are NUL; for an empty stream unless `allowEmpty`
 */
export async function* streamLines(
  source: AsyncIterable<Uint8Array>,
  name: string,
  { allowEmpty }: { readonly allowEmpty: boolean },
): AsyncGenerator<string> {
  const decoder = new LineDecoder((line, message) => {
    throw new DataError({ where: `${name}:${line}`, file: name, line, problem: message, hint });
  });
  let isEmpty = true;
  for await (const chunk of source) {
    if (chunk.length > 0) isEmpty = false;
    yield* decoder.push(chunk);
  }
  if (isEmpty && !allowEmpty) throw emptyFile(name);
  yield* decoder.end();
}

function emptyFile(file: string): DataError {
  return new DataError({ where: file, file, expected: 'lines of text', got: 'an empty file' });
}

class LineDecoder {
  private readonly report: (line: number, message: string) => void;
  private rest: Uint8Array[] = [];
  private lineNumber = 0;
  private offset = 0;

  constructor(report: (line: number, message: string) => void) {
    this.report = report;
  }

  *push(chunk: Uint8Array): Generator<string> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const part = chunk.subarray(start, end);
      yield this.decode(this.rest.length === 0 ? part : Buffer.concat([...this.rest, part]));
      this.rest = [];
      this.offset++;
      start = end + 1;
    }
    if (start < chunk.length) this.rest.push(chunk.subarray(start));
  }

  /** The last line, when no line end follows it. */
  *end(): Generator<string> {
    if (this.rest.length > 0) yield this.decode(Buffer.concat(this.rest));
    this.rest = [];
  }

  private decode(line: Uint8Array): string {
    const number = ++this.lineNumber;
    if (!isUtf8(line)) {
      const bad = firstInvalidByte(line);
      const byte = line[bad]!.toString(16).padStart(2, '0');
      this.report(number, `expected UTF-8, got byte 0x${byte} at byte offset ${this.offset + bad}`);
    }
    const nul = line.indexOf(0);
    if (nul >= 0) this.report(number, `expected text, got a NUL byte at byte offset ${this.offset + nul}`);
    this.offset += line.length;
    const end = line[line.length - 1] === RETURN ? line.length - 1 : line.length;
    const text = Buffer.from(line.buffer, line.byteOffset, end).toString('utf8');
    return number === 1 && text.startsWith('\ufeff') ? text.slice(1) : text;
  }
}

/** Index of the first byte that does not belong to a whole UTF-8 character. */
function firstInvalidByte(bytes: Uint8Array): number {
  let at = 0;
  while (at < bytes.length) {
    const lead = bytes[at]!;
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (!isUtf8(bytes.subarray(at, at + length))) return at;
    at += length;
  }
  return at;
}
