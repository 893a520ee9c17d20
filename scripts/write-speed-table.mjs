/** Writes the table of speeds in README.md from bench/results.json, which `heed bench --peers` writes. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const file = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const [begin, end] = ['<!-- speed: begin -->', '<!-- speed: end -->'];

const units = { bytes: (value) => `${Math.round(value / 1e6).toLocaleString('en')} MB` };
const digits = (value) => (value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3));
const quantity = (value, unit) => units[unit]?.(value) ?? `${digits(value)} ${unit}`;

function verdict({ goal, ratio }) {
  if (goal && 'within' in goal) {
    return `${ratio < 0 ? '−' : '+'}${Math.abs(ratio).toFixed(3)} (goal: within ${goal.within})`;
  }
  return `${ratio.toFixed(2)}×${goal ? ` (${goal.atLeast}×)` : ''}`;
}

function roundsOf({ ours, incomplete = {} }) {
  const fewer = Object.entries(incomplete).map(([name, rounds]) => `${name} ${rounds}`);
  return `${ours.values.length}${fewer.length === 0 ? '' : ` (${fewer.join(', ')})`}`;
}

function tableRow(row) {
  const { label, text, unit, ours, comparisons, limit } = row;
  const peers = comparisons.map(({ best, median }) => `${best} ${quantity(median, unit)}`);
  const verdicts = limit ? [`(at most ${limit.atMost})`] : comparisons.map(verdict);
  const work = text === undefined ? label : `${label}, text ${text}`;
  const cells = [
    work,
    quantity(ours.median, unit),
    peers.join('; ') || '—',
    verdicts.join('; '),
    roundsOf(row),
  ];
  return `| ${cells.join(' | ')} |`;
}

const productWork = /^gemm-(\d+)x(\d+)x(\d+)(At)?(Bt)?-(\d+)$/;

/** `GFLOP/s (ratio peer, …)` */
function productCell({ ours, comparisons }) {
  const ratios = comparisons.map(({ best, ratio }) => `${ratio.toFixed(2)}× ${best}`);
  return `${digits(ours.median)} (${ratios.join(', ')})`;
}

const counted = (threads) => `${threads} thread${threads === 1 ? '' : 's'}`;

/** Matrix products: a row for each shape, a column for each number of threads; nothing where there are none. */
function productTable(rows) {
  if (rows.length === 0) return [];
  const threads = [...new Set(rows.map((row) => row.threads))];
  const shapes = new Map();
  for (const row of rows) {
    const [, m, n, k, transposeA, transposeB] = productWork.exec(row.work);
    const name = `${m} × ${n} × ${k}${transposeA ? ', Aᵀ' : ''}${transposeB ? ', Bᵀ' : ''}`;
    shapes.set(name, [...(shapes.get(name) ?? []), row]);
  }
  const goals = rows[0].comparisons
    .filter(({ goal }) => goal)
    .map(({ best, goal }) => `${goal.atLeast}× ${best}`);
  const cells = (own) =>
    threads
      .map((count) => own.find((row) => row.threads === count))
      .map((row) => (row ? productCell(row) : '—'));
  return [
    '',
    `Products of matrices in fp32, GFLOP/s; goals ${goals.join(' and ')}. Medians of ${[...new Set(rows.map(roundsOf))].join(' or ')} rounds.`,
    '',
    `| M × N × K | ${threads.map(counted).join(' | ')} |`,
    `| --- |${' --- |'.repeat(threads.length)}`,
    ...[...shapes].map(([name, own]) => `| ${[name, ...cells(own)].join(' | ')} |`),
  ];
}

/** The commit that was measured; of several how many rows each has. Older files name none. */
function commitsOf(rows) {
  const counts = new Map();
  for (const { measured } of rows) {
    const commit = measured.commit ?? 'unknown';
    counts.set(commit, (counts.get(commit) ?? 0) + 1);
  }
  const [[first]] = counts;
  if (counts.size === 1) return first === 'unknown' ? '' : ` Commit ${first}.`;
  const each = [...counts].map(([commit, count]) => `${commit} (${count} rows)`);
  return ` Rows are of different commits: ${each.join(', ')}.`;
}

const named = (title, skips) =>
  skips.length === 0 ? '' : ` ${title}: ${[...new Set(skips.map(({ name }) => name))].join(', ')}.`;

/** The text between the markers. */
export function speedTable({ machine, versions, rows, skipped, failed = [] }) {
  const dates = [...new Set(rows.map(({ measured }) => measured.date))].sort();
  const load = Math.max(...rows.map(({ measured }) => measured.load));
  const known = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const shown = rows.filter(({ comparisons, limit }) => comparisons.length > 0 || limit);
  const left = `${named('Not measured', skipped)}${named('Failed in some rounds', failed)}`;
  return [
    `${machine.cpu}, ${machine.cores} processors, ${machine.memoryGiB} GiB, ${machine.system}, load at most ${load} at the start; ${dates.join(', ')}; ${known.join(', ')}. Medians of rounds in turns.${commitsOf(rows)}${left}`,
    '',
    '| work | heed | peers | ratio (goal) | rounds |',
    '| --- | --- | --- | --- | --- |',
    ...shown.filter(({ work }) => !productWork.test(work)).map(tableRow),
    ...productTable(shown.filter(({ work }) => productWork.test(work))),
  ].join('\n');
}

/** README.md with the table of these results. */
export function withSpeedTable(readme, results) {
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`README.md: expected ${begin} before ${end}`);
  return `${readme.slice(0, from + begin.length)}\n\n${speedTable(results)}\n\n${readme.slice(to)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const results = JSON.parse(readFileSync(file('bench/results.json'), 'utf8'));
  writeFileSync(file('README.md'), withSpeedTable(readFileSync(file('README.md'), 'utf8'), results));
}
