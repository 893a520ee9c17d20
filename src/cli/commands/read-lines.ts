/** Reads a text file line by line, and refuses what is not text. */
import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { DataError } from '../../errors.ts';

/**
 * Lines of a UTF-8 file, without their ends (`\n` or `\r\n`) and without a byte order mark.
 *
 * @throws DataError with file and line for an empty file, bytes that are not UTF-8, or U+0000
 */
export function readLines(file: string): string[] {
  const bytes = readFileSync(file);
  if (!isUtf8(bytes)) throw notUtf8(file, bytes);
  const text = bytes.toString('utf8').replace(/^\ufeff/, '');
  if (text === '')
    throw new DataError({ where: file, expected: 'lines of text', got: 'an empty file', file });
  const lines = text.replace(/\r?\n$/, '').split(/\r?\n/);
  const line = lines.findIndex((text) => text.includes('\0')) + 1;
  if (line > 0)
    throw new DataError({ where: `${file}:${line}`, expected: 'text', got: 'U+0000', file, line });
  return lines;
}

function notUtf8(file: string, bytes: Buffer): DataError {
  const offset = validBytes(bytes);
  const line = bytes.subarray(0, offset).toString('latin1').split('\n').length;
  return new DataError({
    where: `${file}:${line}`,
    expected: 'UTF-8',
    got: `byte 0x${bytes[offset]!.toString(16).padStart(2, '0')} at byte offset ${offset}`,
    hint: 'convert the file to UTF-8, for example with iconv',
    file,
    line,
  });
}

/** Where the first character that is broken or cut off begins. */
function validBytes(bytes: Buffer): number {
  let accepted = 0;
  let refused = bytes.length + 1;
  while (refused - accepted > 1) {
    const middle = Math.floor((accepted + refused) / 2);
    if (completeBytes(bytes.subarray(0, middle)) === undefined) refused = middle;
    else accepted = middle;
  }
  return completeBytes(bytes.subarray(0, accepted))!;
}

/** Bytes of the complete characters at the beginning, or undefined when what follows them can be no character. */
function completeBytes(bytes: Buffer): number | undefined {
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    return Buffer.byteLength(decoder.decode(bytes, { stream: true }));
  } catch {
    return undefined;
  }
}
