import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { piece, sentencePieceModel } from '../../../tests/support/sentencepiece-bytes.ts';
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
    writeFileSync(path('ids'), '4\n99999\n');
    expect(await main(['tokenizer', 'decode', path('t.json'), '--input', path('ids')])).toBe(2);
    expect(errors).toMatch(/ids:2: expected ids from 0 to \d+, got 99999/);
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
      '--among alone',
      ['tokenizer', 'encode', path('t.json'), '--among', '3'],
      '--among: expected --alpha beside it',
    ],
    [
      'a dropout above 1',
      ['tokenizer', 'encode', path('t.json'), '--dropout', '2', '--input', path('text')],
      '--dropout: expected a number from 0 to 1, got "2"',
    ],
    [
      'an option of another kind',
      ['tokenizer', 'encode', path('t.json'), '--alpha', '2', '--input', path('text')],
      'sampling of kind bpe: expected only dropout, got alpha 2',
    ],
    [
      'a misspelled option value',
      [...train, '--num-merges', '3', '--kind', 'wordpiece', '--score', 'likelyhood'],
      '--score: unknown "likelyhood", did you mean "likelihood"',
    ],
    [
      'an option that the kind has not',
      [...train, '--num-merges', '3', '--byte-fallback'],
      '--byte-fallback: needs --pre-tokenizer metaspace',
    ],
    [
      'a vocabulary smaller than the alphabet',
      [...train, '--vocab-size', '6'],
      /--vocab-size: expected at least \d+ for the alphabet.*hint: raise --vocab-size or set --limit-alphabet/,
    ],
    [
      'no text to report on',
      ['tokenizer', 'report', path('t.json'), '--input', path('none')],
      'no such file',
    ],
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

  it('trains every kind with its options, and reads it back', async () => {
    const kinds = [
      ['word', '--vocab-size', '6'],
      ['char', '--normalize', 'nfc,lowercase'],
      [
        'bpe',
        '--num-merges',
        '4',
        '--merges-per-step',
        '2',
        '--pre-tokenizer',
        'metaspace',
        '--byte-fallback',
      ],
      ['wordpiece', '--num-merges', '4', '--score', 'frequency', '--continuation', '@@'],
      ['unigram', '--vocab-size', '20', '--sparse-prior', 'false', '--shrinking-factor', '0.5'],
    ];
    for (const [kind, ...options] of kinds) {
      const files = ['--input', path('text'), '--output', path('k.json')];
      expect(await main(['tokenizer', 'train', '--kind', kind!, ...files, ...options]), errors).toBe(0);
      const tokenizer = loadTokenizer(JSON.parse(readFileSync(path('k.json'), 'utf8')));
      expect(tokenizer.kind).toBe(kind);
      expect(tokenizer.decode(tokenizer.encode('ein hund'))).toBe('ein hund');
    }
  });

  it('reads files of Hugging Face and SentencePiece', async () => {
    const hf = { model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: ['a b'] } };
    writeFileSync(path('hf.json'), JSON.stringify(hf));
    writeFileSync(path('m.model'), sentencePieceModel([piece('▁', -1), piece('a', -1), piece('b', -1)]));
    writeFileSync(path('ab'), 'ab\n');
    await main(['tokenizer', 'encode', path('hf.json'), '--input', path('ab')]);
    await main(['tokenizer', 'encode', path('m.model'), '--input', path('ab'), '--tokens', '--bos']);
    expect(out).toBe('2\n<s> ▁ a b\n');
    writeFileSync(path('m.model'), 'ein hund');
    expect(await main(['tokenizer', 'encode', path('m.model'), '--input', path('ab')])).toBe(2);
    expect(errors).toMatch(/m\.model: expected /);
  });

  it('draws segmentations, the same ones for the same seed', async () => {
    await main([...train, '--num-merges', '30']);
    const encode = async (...args: string[]) => {
      out = '';
      await main(['tokenizer', 'encode', path('t.json'), '--input', path('text'), '--tokens', ...args]);
      return out;
    };
    const plain = await encode();
    expect(await encode('--dropout', '0')).toBe(plain);
    expect(await encode('--dropout', '1')).toContain('h u n d</w>');
    const drawn = await encode('--dropout', '0.5', '--seed', '3');
    expect(drawn).not.toBe(plain);
    expect(await encode('--dropout', '0.5', '--seed', '3')).toBe(drawn);
    expect(await encode('--dropout', '0.5', '--seed', '4')).not.toBe(drawn);
  });

  it('reports what tokenizers cost, beside words and characters (B5, B13)', async () => {
    const files = ['--input', path('text'), '--output', path('b.json')];
    await main([
      'tokenizer',
      'train',
      '--kind',
      'bpe',
      '--num-merges',
      '10',
      '--min-frequency',
      '1',
      ...files,
    ]);
    await main(['tokenizer', 'report', path('b.json'), '--input', path('text'), '--json', '--curve']);
    const rows = out
      .trim()
      .split('\n')
      .map(
        (line) =>
          JSON.parse(line) as { name: string } & Record<
            'tokens' | 'characters' | 'words' | 'tokensPerWord' | 'unknownCharacters',
            number
          >,
      );
    expect(rows.map(({ name }) => name).slice(0, 3)).toEqual([
      'words',
      'characters',
      `${path('b.json')} 0 merges`,
    ]);
    // 3 lines of 2 words, and 8 characters with the space.
    expect(rows.slice(0, 3).map(({ tokens }) => tokens)).toEqual([6, 24, 21]);
    const curve = rows.slice(2).map(({ tokens }) => tokens);
    expect(curve).toEqual([...curve].sort((a, b) => b - a));
    expect(curve.at(-1)).toBeLessThan(10);
    expect(new Set(rows.map(({ characters }) => characters))).toEqual(new Set([24]));
    expect(rows.map(({ words }) => words)).toEqual(rows.map(() => 6));
    expect(rows.slice(0, 3).map(({ tokensPerWord }) => tokensPerWord)).toEqual([1, 4, 3.5]);
    out = '';
    await main(['tokenizer', 'report', path('b.json'), '--input', path('text')]);
    expect(out).toMatch(
      /vocabulary +tokens +chars\/token +tokens\/char +tokens\/word.*\nwords +\d+ +6 +4.00 +0.250 +1.000.*\ncharacters +\d+ +24 +1.00 +1.000 +4.000/,
    );
  });

  it('shows examples in its help', async () => {
    expect(await main(['tokenizer', 'train', '--help'])).toBe(0);
    expect(out).toContain('--pre-tokenizer byteLevel --vocab-size 8000');
  });
});
