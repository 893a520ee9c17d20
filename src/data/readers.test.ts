import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dictionary } from 'cmu-pronouncing-dictionary';
import { afterAll, describe, expect, it } from 'vitest';
import { needData } from '../../tests/support/shared-data.ts';
import { spansOf } from '../metrics/tagging.ts';
import { trainingPairs } from './examples.ts';
import { type DataConfig, readExamples } from './readers.ts';

const folder = mkdtempSync(join(tmpdir(), 'heed-readers-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe('parallel text', () => {
  const source = file('a.de', 'ein hund\nzwei hunde\n');
  const target = file('a.en', 'a dog\ntwo dogs\n');

  it('joins line n with line n', () => {
    const references = [file('b.en', 'one dog\na pair of dogs\n')];
    expect(readExamples({ format: 'parallel', source, target, references })).toEqual([
      { source: 'ein hund', target: 'a dog', references: ['a dog', 'one dog'] },
      { source: 'zwei hunde', target: 'two dogs', references: ['two dogs', 'a pair of dogs'] },
    ]);
  });

  it('names both counts and the first line without a partner', () => {
    const short = file('short.en', 'a dog\n');
    const read = (a: string, b: string) => () => readExamples({ format: 'parallel', source: a, target: b });
    const message = `${source}:2: line 2 has no partner: ${source} has 2 lines, ${short} has 1`;
    expect(read(source, short)).toThrow(message);
    expect(read(short, source)).toThrow(
      `${source}:2: line 2 has no partner: ${short} has 1 lines, ${source} has 2`,
    );
  });

  it('names empty lines', () => {
    const empty = file('empty.en', 'a\n \n');
    expect(() => readExamples({ format: 'parallel', source, target: empty })).toThrow(
      `${empty}:2: expected text, got an empty line`,
    );
  });

  it('reads Multi30k: 29,000 pairs', (context) => {
    const base = needData(context, 'multi30k/raw');
    const pairs = readExamples({
      format: 'parallel',
      source: `${base}/train.de`,
      target: `${base}/train.en`,
    });
    expect(pairs.length).toBe(29_000);
    expect(pairs[0]!.target).toBe('Two young, White males are outside near many bushes.');
  });
});

describe('tsv', () => {
  it('takes columns by index and further ones as references', () => {
    const path = file('x.tsv', 'id\tword\tp1\tp2\tp3\n1\tread\tR EH D\t\tR IY D\n2\ta\tAH\n');
    const config: DataConfig = { format: 'tsv', path, header: true, source: 1, target: 2 };
    expect(readExamples({ ...config, references: 'rest' })[0]).toEqual({
      source: 'read',
      target: 'R EH D',
      references: ['R EH D', 'R IY D'],
    });
    expect(readExamples({ ...config, references: [0] })[1]!.references).toEqual(['AH', '2']);
    expect(readExamples(config)[0]!.references).toEqual(['R EH D']);
  });

  it('names every line that lacks a column', () => {
    const path = file('bad.tsv', 'a\tb\nc\n\td\n');
    expect(() => readExamples({ format: 'tsv', path })).toThrow(
      `${path}:2: expected text in column 1, got 1 columns; line 3: expected text in column 0, got 2 columns`,
    );
  });

  it('reads the g014b2b references as awk counts them', (context) => {
    const path = needData(context, 'g2p-cmudict/g014b2b.ref');
    const examples = readExamples({ format: 'tsv', path, references: 'rest' });
    const cells = readFileSync(path, 'utf8').trim().split('\n').join('\t').split('\t').length;
    expect(examples.length).toBe(12_000);
    expect(trainingPairs(examples).length).toBe(cells - 12_000);
  });
});

describe('jsonl', () => {
  it('takes fields by name; a target may be a list', () => {
    const path = file('x.jsonl', '{"de":"ein","en":["a","one"],"more":["an"]}\n\n{"de":"zwei","en":"two"}\n');
    const examples = readExamples({ format: 'jsonl', path, source: 'de', target: 'en', references: 'more' });
    expect(examples).toEqual([
      { source: 'ein', target: 'a', references: ['a', 'one', 'an'] },
      { source: 'zwei', target: 'two', references: ['two'] },
    ]);
  });

  it('names the lines that are no objects or lack a field', () => {
    const lines = [
      '{"source":"a","target":"b"}',
      '{"source":',
      '[1]',
      '{"source":"a"}',
      '{"source":"a","target":[1]}',
    ];
    const path = file('bad.jsonl', lines.join('\n'));
    expect(() => readExamples({ format: 'jsonl', path })).toThrow(
      /bad\.jsonl:2: expected JSON, got .*line 3: expected a JSON object; line 4: expected text in field "target"; line 5: /,
    );
  });
});

describe('cmudict', () => {
  it('joins variants, drops stress and what is no word', () => {
    const entries = {
      read: 'R EH1 D',
      'read(2)': 'R IY1 D',
      'READ(3)': 'R EH2 D',
      "'s": 'EH1 S',
      aalto: 'AA1 L T OW2 # name, finnish',
      "'": 'X',
      '3d': 'TH R IY1 D IY1',
      '.point': 'P',
    };
    expect(readExamples({ format: 'cmudict', dictionary: entries })).toEqual([
      { source: 'read', target: 'R EH D', references: ['R EH D', 'R IY D'] },
      { source: "'s", target: 'EH S', references: ['EH S'] },
      { source: 'aalto', target: 'AA L T OW', references: ['AA L T OW'] },
    ]);
  });

  it('reads the published dictionary', () => {
    const examples = readExamples({ format: 'cmudict', dictionary });
    const bySource = new Map(examples.map((example) => [example.source, example]));
    expect(bySource.size).toBe(examples.length);
    expect(examples.length).toBeGreaterThan(120_000);
    expect(bySource.get('tomato')!.references).toEqual(['T AH M EY T OW', 'T AH M AA T OW']);
    const phonemes = new Set(examples.flatMap(({ references }) => references.join(' ').split(' ')));
    // ARPABET of the dictionary: 15 vowels and 24 consonants.
    expect(phonemes.size).toBe(39);
  });
});

it('an unknown format names the known ones', () => {
  expect(() => readExamples({ format: 'tvs', path: 'x' } as unknown as DataConfig)).toThrow(
    'did you mean "tsv"',
  );
});

describe('entities of tagged sentences', () => {
  const tagged = 'Ada B-PER\nLovelace I-PER\nmet O\nBob S-PER\n\n\nin O\nUlm B-LOC\n';

  it('become what is to be written', () => {
    const path = file('people.conll', tagged);
    expect(readExamples({ format: 'entities', path, type: 'PER' })).toEqual([
      { source: 'Ada Lovelace met Bob', target: 'Ada Lovelace ; Bob', references: ['Ada Lovelace ; Bob'] },
    ]);
  });

  it('begin where BIO, BIOES and BMES say, and where a tag goes on with nothing', () => {
    const spans = (tags: string) =>
      spansOf(tags.split(' '))
        .map(({ type, start, end }) => `${type}${start}-${end}`)
        .join(' ');
    expect(spans('B-X I-X O I-X I-Y')).toBe('X0-2 X3-4 Y4-5');
    expect(spans('B-X M-X E-X M-X B-X B-X')).toBe('X0-3 X3-4 X4-5 X5-6');
    expect(spans('S-X S-X B-X L-X U-Y')).toBe('X0-1 X1-2 X2-4 Y4-5');
  });

  it('name lines without a tag, and the types that there are', () => {
    const bad = file('bad.conll', 'Ada B-PER\nmet\n');
    const read = (path: string, type: string) => () => readExamples({ format: 'entities', path, type });
    expect(read(bad, 'PER')).toThrow(`${bad}:2: expected at least 2 columns, got 1`);
    const good = file('good.conll', tagged);
    expect(read(good, 'PRE')).toThrow('no sentence has an entity of type "PRE"; hint: did you mean "PER"?');
    expect(read(good, 'TITLE')).toThrow('types are LOC, PER');
  });

  it('reads every name of Chinese résumés', (context) => {
    const path = `${needData(context, 'ner-resume-zh')}/train.char.bmes`;
    const names = readExamples({ format: 'entities', path, type: 'NAME' });
    const tags = readFileSync(path, 'utf8').match(/ [BS]-NAME$/gm)!.length;
    expect(names.flatMap(({ target }) => target.split(' ; ')).length).toBe(tags);
    expect(names[0]!.target).toBe('高 勇');
  });
});
