/** docs/mechanisms.md says of every mechanism where it stands and how it is verified. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { testsOf } from './mechanisms/mechanism.ts';
import { missingRows, readRows, writeTable } from './mechanisms/table.ts';
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
    const written = readFileSync(join(root, 'docs/mechanisms.md'), 'utf8');
    const withoutResults = written.replace(/\| [^|\n]+ \|$/gm, (cell) =>
      /passed|test:long/.test(cell) ? '| … |' : cell,
    );
    expect(withoutResults).toBe(writeTable(rows, () => '…'));
    expect(written).not.toMatch(/\d failed|not run/);
  });
});
