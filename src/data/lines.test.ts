import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { DataError } from '../errors.ts';
import { readLines, streamFileLines, streamLines } from './lines.ts';

const folder = mkdtempSync(join(tmpdir(), 'heed-lines-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const all = async (lines: AsyncIterable<string>) => {
  const out: string[] = [];
  for await (const line of lines) out.push(line);
  return out;
};

async function* chunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
}

describe('readLines', () => {
  it('drops the byte order mark and takes both line ends', () => {
    expect(readLines(file('bom', '\ufeffa\r\nb \n\n\ufeffc\rd'))).toEqual(['a', 'b ', '', '\ufeffc\rd']);
    expect(readLines(file('end', 'a\n'))).toEqual(['a']);
    expect(readLines(file('one', '\n'))).toEqual(['']);
  });

  it('names file, line and byte of what is not UTF-8', () => {
    const path = file('bad', Buffer.from([0x61, 0xc3, 0xa9, 0x0a, 0x62, 0xe2, 0x82, 0x0a, 0x63, 0x0a, 0x00]));
    expect(() => readLines(path)).toThrow(
      `${path}:2: expected UTF-8, got byte 0xe2 at byte offset 5; line 4: expected text, got a NUL byte at byte offset 10`,
    );
    expect(() => readLines(path)).toThrow(expect.objectContaining({ code: 'E_DATA', file: path, line: 2 }));
  });

  it.each([
    ['a continuation alone', [0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
    ['a character cut short', [0xf0, 0x9f, 0x98]],
  ])('refuses %s', (_, bytes) => {
    const path = file('invalid', Buffer.from([0x61, 0xf0, 0x9f, 0x98, 0x80, ...bytes, 0x0a]));
    expect(() => readLines(path)).toThrow(`got byte 0x${bytes[0]!.toString(16)} at byte offset 5`);
  });

  it('lists ten problems and counts the others', () => {
    const path = file('many', '\0\n'.repeat(13));
    expect(() => readLines(path)).toThrow(/many:1: .*line 10: .*offset 18; and 3 more/);
  });

  it('refuses an empty file', async () => {
    const path = file('empty', '');
    expect(() => readLines(path)).toThrow(`${path}: expected lines of text, got an empty file`);
    await expect(all(streamFileLines(path))).rejects.toThrow(DataError);
    expect(await all(streamLines(chunks(new Uint8Array(), 1), 'x', { allowEmpty: true }))).toEqual([]);
  });
});

describe('streamLines', () => {
  it('gives the same lines as readLines, wherever the chunks end', async () => {
    const text = fc.array(fc.constantFrom('a', '\n', '\r\n', 'é', '😀', '\ufeff', ''), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1, max: 7 }), async (parts, size) => {
        const bytes = Buffer.from(`x${parts.join('')}`);
        const expected = readLines(file('same', bytes));
        expect(await all(streamLines(chunks(bytes, size), 'x', { allowEmpty: false }))).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });

  it('stops at the first problem, with its place', async () => {
    const bytes = Buffer.from([0x61, 0x0a, 0x62, 0xff, 0x0a]);
    await expect(all(streamLines(chunks(bytes, 1), 'input', { allowEmpty: true }))).rejects.toThrow(
      'input:2: expected UTF-8, got byte 0xff at byte offset 3',
    );
  });
});
