/** docs/mechanisms.md says of every mechanism where it stands and how it is verified. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isTestOf, type Mechanism, testsOf } from './mechanisms/mechanism.ts';
import { missingRows, readRows, writeFigures, writeTable } from './mechanisms/table.ts';
import { root } from './support/built-package.ts';

const rows = await readRows();

describe('the table of mechanisms', () => {
  it('has each row once, with files and tests that exist', () => {
    expect(new Set(rows.map(({ id, name }) => `${id} ${name}`)).size).toBe(rows.length);
    const paths = rows.flatMap((row) => [row.file, ...testsOf(row)]);
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it('has every mechanism that is promised', () => {
    expect(missingRows(rows)).toEqual([]);
    const without = (id: string) => rows.filter((row) => row.id !== id && row.name !== id);
    for (const id of ['D7', 'L5', 'QK-norm']) expect(missingRows(without(id))).toEqual([id]);
  });

  it('is written: npm run docs:mechanisms', () => {
    const [written = ''] = readFileSync(join(root, 'docs/mechanisms.md'), 'utf8').split(/^(?=\n## )/m);
    const withoutResults = written.replace(/\| [^|\n]+ \|$/gm, (cell) =>
      /passed|test:long/.test(cell) ? '| … |' : cell,
    );
    expect(withoutResults).toBe(writeTable(rows, () => '…'));
    expect(written).not.toMatch(/\d failed|not run/);
    // Every test that is counted for a row says so in its title.
    expect(written.match(/^.*whole file.*$/gm) ?? []).toEqual([]);
  });

  it('has the figures of the long tests behind it, each with its test and its file', () => {
    const date = '2026-01-31';
    const printed = { 'learns, seed 1 (E1)': ['90 % right', 'by chance 12.5 %'] };
    const results = {
      'tests/long/silent.test.ts': { date, tests: { works: 'passed' } },
      'tests/long/a.test.ts': { date, tests: { 'learns, seed 1 (E1)': 'passed' }, printed },
    };
    expect(writeFigures(results)).toBe(`
## Figures of the long tests

[long/a.test.ts](../tests/long/a.test.ts), 2026-01-31

\`\`\`text
learns, seed 1 (E1)
  90 % right
  by chance 12.5 %
\`\`\`
`);
    expect(writeFigures({})).toBe('');
  });

  it('counts for a row the tests whose titles have its id, or what it says of titles', () => {
    const row: Mechanism = { id: 'E1', name: '', file: '', verification: '', test: '' };
    const counted = (one: Mechanism, ...titles: string[]) => titles.map((title) => isTestOf(one, title));
    expect(counted(row, 'averages (E1)', 'scores > of D9, E1, Q7', 'averages (E16)', 'E+', '')).toEqual([
      ...[true, true, false, false, false],
    ]);
    const unnumbered = { ...row, id: 'E+', titles: /talking.?heads/ };
    expect(counted(unnumbered, 'a model with "talking-heads"', 'a model (E+)', 'EE')).toEqual([
      true,
      false,
      false,
    ]);
    expect(rows.filter(({ id, titles }) => !/\d$/.test(id) && !titles)).toEqual([]);
  });
});
