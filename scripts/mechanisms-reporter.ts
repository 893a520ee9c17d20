/** Writes docs/mechanisms.md from the rows in tests/mechanisms and the results of their tests. */
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Reporter, TestModule } from 'vitest/node';
import type { Mechanism } from '../tests/mechanisms/mechanism.ts';
import { readRows, writeTable } from '../tests/mechanisms/table.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** How the tests of a row ended: those that name it, or all of its file where none does. */
function resultOf({ id, test }: Mechanism, modules: readonly TestModule[]): string {
  if (test.startsWith('tests/long/')) return 'by npm run test:long';
  const module = modules.find(({ moduleId }) => relative(root, moduleId) === test);
  if (!module) return 'not run';
  const all = [...module.children.allTests()];
  const own = all.filter(({ fullName }) => new RegExp(`\\b${id}\\b`).test(fullName));
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const one of own.length > 0 ? own : all) {
    const { state } = one.result();
    if (state !== 'pending') counts[state]++;
  }
  return Object.entries(counts)
    .filter(([state, count]) => count > 0 || state === 'passed')
    .map(([state, count]) => `${count} ${state}`)
    .join(', ');
}

export default class MechanismsReporter implements Reporter {
  async onTestRunEnd(modules: readonly TestModule[]): Promise<void> {
    const rows = await readRows();
    const file = fileURLToPath(new URL('../docs/mechanisms.md', import.meta.url));
    writeFileSync(
      file,
      writeTable(rows, (row) => resultOf(row, modules)),
    );
    process.stdout.write(`docs/mechanisms.md: ${rows.length} rows\n`);
  }
}
