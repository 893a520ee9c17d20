/** The table of docs/mechanisms.md, from the rows in this folder. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { LongResults } from './long-results.ts';
import { type Mechanism, testsOf } from './mechanism.ts';

/** What stands in the last column of a row. */
export type ResultOf = (row: Mechanism) => string;

/** Rows of the inventory that heed promises. */
const promised = [
  ...['B5', 'B6', 'B7', 'B8', 'B9', 'B10', 'B13'],
  ...['D1', 'D2', 'D3', 'D4', 'D5', 'D6', 'D7', 'D8', 'D9', 'D10', 'D11', 'D12', 'D13', 'D14', 'D15'],
  ...[
    'E1',
    'E2',
    'E3',
    'E4',
    'E5',
    'E6',
    'E7',
    'E9',
    'E14',
    'E15',
    'E16',
    'E17',
    'E18',
    'E19',
    'E20',
    'E21',
    'E22',
  ],
  ...['F4', 'F5', 'F7', 'F8', 'F9', 'F10', 'F11', 'F12'],
  ...['G1', 'G2', 'G3', 'G4', 'G5', 'G6', 'G7'],
  ...['H4', 'H5', 'H6', 'H7', 'H10'],
  ...['I8', 'I9', 'I10', 'I11', 'I12', 'I13', 'I14', 'I15', 'I16', 'I17', 'I18', 'I19'],
  ...['J7', 'J8', 'J10', 'J14', 'J15', 'J16', 'K4', 'K6', 'K7', 'K8', 'L1', 'L2', 'L3', 'L4', 'L5'],
];

/** Mechanisms that the inventory has no row for, by name. */
const promisedNames = [
  ...['Grouped and multi-query heads', 'Talking heads', 'QK-norm', 'Soft-capped scores'],
  ...['ScaleNorm', 'DeepNorm', 'Mixture of experts', 'Parallel residual connections', 'Stochastic depth'],
  'Gated feed-forward networks (bilinear, GLU, ReGLU, GEGLU, SwiGLU)',
];

const folder = fileURLToPath(new URL('.', import.meta.url));
const place = ({ id }: Pick<Mechanism, 'id'>): string =>
  `${id[0]}${(/\d+/.exec(id)?.[0] ?? '99').padStart(3, '0')}${id}`;

/** Every row, in the order of the inventory. */
export async function readRows(): Promise<Mechanism[]> {
  const files = readdirSync(folder).filter((file) => file.startsWith('ROWS-'));
  const modules = await Promise.all(
    files.map(
      (file) => import(new URL(file, import.meta.url).href) as Promise<{ rows: readonly Mechanism[] }>,
    ),
  );
  return modules.flatMap(({ rows }) => rows).toSorted((a, b) => (place(a) < place(b) ? -1 : 1));
}

/** The names of promised rows that have no mechanism yet. */
export function missingRows(rows: readonly Mechanism[]): string[] {
  return [
    ...promised.filter((id) => !rows.some((row) => row.id === id)),
    ...promisedNames.filter((name) => !rows.some((row) => row.name === name)),
  ];
}

const linked = (path: string): string => `[${path.replace(/^(src|tests)\//, '')}](../${path})`;

/** The document; without results the last column is left as a mark. */
export function writeTable(rows: readonly Mechanism[], resultOf: ResultOf): string {
  const missing = missingRows(rows);
  return [
    '# Mechanisms',
    '',
    'Each mechanism with its file, how it is verified, and what its tests said when this table was written by `npm run docs:mechanisms`, in the order of the test files: of each file those tests are counted whose titles name the row. Tests in `long/` take minutes: `npm run test:long` keeps their results, which stand here with the day of the run, and the figures that they printed, which stand below.',
    '',
    '| row | mechanism | file | verified by | test | result |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows.map((row) => {
      const tests = testsOf(row).map(linked).join(', ');
      const cells = [row.id, row.name, linked(row.file), row.verification, tests, resultOf(row)];
      return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
    }),
    '',
    missing.length === 0 ? 'No row is missing.' : `Not yet: ${missing.join(', ')}.`,
    '',
  ].join('\n');
}

/** What the long tests printed when they last ran: each arm with its seeds, and chance; nothing where none has run. */
export function writeFigures(results: LongResults): string {
  const files = Object.entries(results).flatMap(([path, { date, printed = {} }]) => {
    const tests = Object.entries(printed).flatMap(([name, lines]) => [
      name,
      ...lines.map((line) => `  ${line}`),
    ]);
    return tests.length === 0 ? [] : [`${linked(path)}, ${date}`, '', '```text', ...tests, '```', ''];
  });
  return files.length === 0 ? '' : ['', '## Figures of the long tests', '', ...files].join('\n');
}
