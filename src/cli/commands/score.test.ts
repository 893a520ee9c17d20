import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { main } from '../main.ts';

let folder = '';
let out = '';
let err = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heed-score-'));
  out = '';
  err = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((out += String(text))));
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean((err += String(text))));
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** Runs `heed score` on files with the given contents. */
async function score(
  hypothesis: string | Uint8Array,
  references: (string | Uint8Array)[],
  ...rest: string[]
) {
  const flags = references.flatMap((text, r) => ['--reference', file(`ref${r}`, text)]);
  return main(['score', '--hypothesis', file('hyp', hypothesis), ...flags, ...rest]);
}

const jsonLines = () =>
  out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('results', () => {
  test('one JSON object per metric', async () => {
    const code = await score('a b c d\nx\n', ['a b c d\ny\n'], '--metrics', 'bleu,wer,exact-match', '--json');
    expect(code).toBe(0);
    const [bleu, wer, match] = jsonLines();
    expect(bleu).toMatchObject({
      metric: 'bleu',
      counts: [4, 3, 2, 1],
      signature: 'nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0',
    });
    expect(bleu!.score).toBeCloseTo(100 * (4 / 5) ** 0.25, 10);
    expect(wer).toMatchObject({ metric: 'wer', score: 20, edits: 1 });
    expect(match).toMatchObject({ metric: 'exact-match', score: 50, matches: 1 });
    expect(err).toBe('');
  });
  test('a table, BLEU and chrF unless others are asked for', async () => {
    expect(await score('a b c d\n', ['a b c d\n'])).toBe(0);
    expect(out).toBe(
      [
        'metric   score  signature',
        'bleu    100.00  nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0',
        'chrf    100.00  nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.6.0',
        '',
      ].join('\n'),
    );
  });
  test('several references, and every option', async () => {
    const options = [
      '--tokenize',
      'zh',
      '--smooth',
      'floor',
      '--smooth-value',
      '0.5',
      '--lowercase',
      '--json',
    ];
    expect(await score('A\r\n', ['b\n', 'a'], '--metrics', 'bleu,cer', ...options)).toBe(0);
    const [bleu, cer] = jsonLines();
    expect(bleu!.signature).toBe('nrefs:2|case:lc|eff:no|tok:zh|smooth:floor[0.50]|version:2.6.0');
    expect(cer).toMatchObject({ score: 0, signature: 'nrefs:2|case:lc|unit:character|version:heed-1' });
  });
  test('a byte order mark is no part of the text; an empty line is an item', async () => {
    expect(await score('\ufeffa\n\n', ['a\n\n'], '--metrics', 'exact-match', '--json')).toBe(0);
    expect(jsonLines()[0]).toMatchObject({ score: 100, items: 2 });
  });
  test('help ends with an example', async () => {
    expect(await main(['score', '--help'])).toBe(0);
    expect(out.trimEnd().split('\n').at(-1)).toMatch(/^ {2}heed score --hypothesis/);
  });
});

describe('refusals: one line, exit code 2', () => {
  const refused = (message: RegExp) => {
    expect(err).toMatch(message);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
    expect(out).toBe('');
  };
  test('counts of lines that differ', async () => {
    expect(await score('a\nb\nc\n', ['a\n'])).toBe(2);
    refused(/ref0: expected 3 lines, as in .*hyp, got 1 lines; hint: line 2 of .*hyp is the first without/);
  });
  test('the second reference is too long', async () => {
    expect(await score('a\n', ['a\n', 'a\nb\n'])).toBe(2);
    refused(/ref1: expected 1 lines.*got 2 lines; hint: line 2 of .*ref1/);
  });
  test('an empty file', async () => {
    expect(await score('', ['a\n'])).toBe(2);
    refused(/hyp: expected lines of text, got an empty file/);
  });
  test.each([
    ['a lone continuation byte', [0x61, 0x0a, 0xc3, 0xa9, 0x80, 0x62], 2, '0x80 at byte offset 4'],
    ['a character cut off by the line', [0x61, 0xe4, 0xb8, 0x0a, 0x62], 1, '0xe4 at byte offset 1'],
    ['a character cut off by the end', [0x0a, 0x0a, 0x61, 0xf0, 0x9f], 3, '0xf0 at byte offset 3'],
    ['a surrogate', [0xed, 0xa0, 0x80], 1, '0xed at byte offset 0'],
  ])('bytes that are not UTF-8: %s', async (_, bytes, line, where) => {
    expect(await score(Uint8Array.from(bytes), ['a\n'])).toBe(2);
    refused(new RegExp(`hyp:${line}: expected UTF-8, got byte ${where}`));
  });
  test('U+0000', async () => {
    expect(await score('a\nb\0\n', ['a\nb\n'])).toBe(2);
    refused(/hyp:2: expected text, got a NUL byte at byte offset 3/);
  });
  test('names and values', async () => {
    expect(await score('a\n', ['a\n'], '--metrics', 'bleu,chr')).toBe(2);
    refused(/got "chr"; hint: did you mean "chrf"/);
    err = '';
    expect(await score('a\n', ['a\n'], '--tokenize', '13b')).toBe(2);
    refused(/tokenize: unknown "13b"; did you mean "13a"/);
    err = '';
    expect(await score('a\n', ['a\n'], '--smooth', 'floor', '--smooth-value', 'much')).toBe(2);
    refused(/smooth-value.*expected a number/);
    err = '';
    expect(await score('a\n', ['a\n'], '--metrics', 'wer', '--tokenize', 'zh')).toBe(2);
    refused(/--tokenize: expected bleu among --metrics, got wer/);
  });
  test('a file that is not there', async () => {
    expect(await main(['score', '--hypothesis', join(folder, 'no'), '--reference', file('r', 'a')])).toBe(2);
    refused(/no such file/);
  });
  test('a missing option', async () => {
    expect(await main(['score', '--hypothesis', file('h', 'a')])).toBe(2);
    refused(/--reference/);
  });
});
