import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadTokenizer } from '../../tokenizers/index.ts';
import { main } from '../main.ts';

const folder = mkdtempSync(join(tmpdir(), 'heed-tokenizer-'));
const path = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

let out = '';
let errors = '';

beforeEach(() => {
  out = '';
  errors = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((out += text)) || true);
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean((errors += text)) || true);
  return () => vi.restoreAllMocks();
});

writeFileSync(path('text'), 'ein hund\nein mann\nein hund\n');
const train = ['tokenizer', 'train', '--kind', 'bpe', '--input', path('text'), '--output', path('t.json')];

describe('heed tokenizer', () => {
  it('trains, says what was reached, encodes and decodes', async () => {
    expect(await main([...train, '--vocab-size', '90'])).toBe(0);
    expect(errors).toMatch(/t\.json: \d+ pieces of 90 asked for: all that is left is rarer/);
    expect(readdirSync(folder).sort()).toEqual(['t.json', 'text']);
    const tokenizer = loadTokenizer(JSON.parse(readFileSync(path('t.json'), 'utf8')));
    expect(await main(['tokenizer', 'encode', path('t.json'), '--input', path('text')])).toBe(0);
    const lines = ['ein hund', 'ein mann', 'ein hund'].map((line) => tokenizer.encode(line).join(' '));
    expect(out).toBe(`${lines.join('\n')}\n`);
    writeFileSync(path('ids'), `2 ${out}`);
    out = '';
    expect(await main(['tokenizer', 'decode', path('t.json'), '--input', path('ids')])).toBe(0);
    expect(out).toBe('ein hund\nein mann\nein hund\n');
  });

  it('prints pieces or JSON', async () => {
    await main([...train, '--num-merges', '0']);
    await main(['tokenizer', 'encode', path('t.json'), '--input', path('text'), '--tokens', '--eos']);
    expect(out.split('\n')[0]).toBe('e i n</w> h u n d</w> </s>');
    out = '';
    await main(['tokenizer', 'encode', path('t.json'), '--input', path('text'), '--json']);
    const first = JSON.parse(out.split('\n')[0]!) as { tokens: string[]; offsets: number[][] };
    expect(first.tokens.slice(0, 3)).toEqual(['e', 'i', 'n</w>']);
    expect(first.offsets.slice(2, 4)).toEqual([
      [2, 3],
      [4, 5],
    ]);
    out = '';
    await main([...train, '--num-merges', '3', '--json']);
    expect(JSON.parse(out)).toMatchObject({ reached: expect.any(Number), reason: 'reached' });
  });

  it.each([
    [
      'an unknown kind',
      ['tokenizer', 'train', '--kind', 'pbe', '--input', path('text'), '--output', path('x')],
      'bpe',
    ],
    [
      'two wrong options',
      [...train, '--normalize', 'nfd', '--pre-tokenizer', 'x'],
      /nfd.*--pre-tokenizer.*--vocab-size/,
    ],
    ['an option that is no number', [...train, '--vocab-size', '1e3'], 'expected a whole number'],
    ['a missing file', ['tokenizer', 'encode', path('none')], 'no such file'],
    ['a file that is no tokenizer', ['tokenizer', 'encode', path('text')], 'expected a tokenizer as JSON'],
    ['two forms at once', ['tokenizer', 'encode', path('t.json'), '--ids', '--tokens'], '--ids or --tokens'],
    [
      'text for ids',
      ['tokenizer', 'decode', path('t.json'), '--input', path('text')],
      /text:1: expected ids.*"ein"/,
    ],
  ])('ends with 2 and one line for %s', async (_, args, message) => {
    expect(await main(args)).toBe(2);
    expect(errors).toMatch(message);
    expect(errors.match(/\n/g)?.length).toBe(1);
    expect(out).toBe('');
  });

  it('leaves the old file and no other when the text cannot be read', async () => {
    await main([...train, '--num-merges', '1']);
    const before = readFileSync(path('t.json'));
    writeFileSync(path('bad'), Buffer.from([0xff]));
    expect(await main([...train, '--num-merges', '1', '--input', path('bad')])).toBe(2);
    expect(errors).toContain('bad:1: expected UTF-8, got byte 0xff at byte offset 0');
    expect(readFileSync(path('t.json'))).toEqual(before);
    expect(readdirSync(folder).filter((name) => name.includes('.tmp'))).toEqual([]);
  });

  it('shows examples in its help', async () => {
    expect(await main(['tokenizer', 'train', '--help'])).toBe(0);
    expect(out).toContain('--pre-tokenizer byteLevel --vocab-size 8000');
  });
});
