/** Writes docs/mechanisms.md from the rows in tests/mechanisms and the results of their tests. */
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Reporter, TestModule } from 'vitest/node';
import { readLongResults } from '../tests/mechanisms/long-results.ts';
import { isTestOf, type Mechanism, testsOf } from '../tests/mechanisms/mechanism.ts';
import { readRows, writeFigures, writeTable } from '../tests/mechanisms/table.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** A test by name and how it ended. */
type Outcome = readonly [fullName: string, state: string];

/** Counts of the tests of a row in one file; where no title says that a test is one of them, of all, and that is said. */
function counted(row: Mechanism, outcomes: readonly Outcome[]): string {
  const own = outcomes.filter(([name]) => isTestOf(row, name));
  const counts = new Map<string, number>([['passed', 0]]);
  for (const [, state] of own.length > 0 ? own : outcomes) counts.set(state, (counts.get(state) ?? 0) + 1);
  const text = [...counts].map(([state, count]) => `${count} ${state}`).join(', ');
  return own.length > 0 ? text : `${text} in the whole file`;
}

/** How the tests of a row in one file ended; those of long tests when they last ran. */
function resultOf(row: Mechanism, test: string, modules: readonly TestModule[]): string {
  if (test.startsWith('tests/long/')) {
    const kept = readLongResults()[test];
    return kept ? `${counted(row, Object.entries(kept.tests))} (${kept.date})` : 'by npm run test:long';
  }
  const module = modules.find(({ moduleId }) => relative(root, moduleId) === test);
  if (!module) return 'not run';
  const outcomes = [...module.children.allTests()].map((one): Outcome => [one.fullName, one.result().state]);
  return counted(
    row,
    outcomes.filter(([, state]) => state !== 'pending'),
  );
}

export default class MechanismsReporter implements Reporter {
  async onTestRunEnd(modules: readonly TestModule[]): Promise<void> {
    const rows = await readRows();
    const file = fileURLToPath(new URL('../docs/mechanisms.md', import.meta.url));
    const results = (row: Mechanism): string =>
      testsOf(row)
        .map((test) => resultOf(row, test, modules))
        .join('; ');
    writeFileSync(file, writeTable(rows, results) + writeFigures(readLongResults()));
    process.stdout.write(`docs/mechanisms.md: ${rows.length} rows\n`);
  }
}
