/** Keeps how the long tests ended, for docs/mechanisms.md. */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Reporter, TestModule } from 'vitest/node';
import { keepLongResults, type LongResult } from '../tests/mechanisms/long-results.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What ran of a file; nothing where every test was skipped. */
function resultOf(module: TestModule, date: string): [string, LongResult][] {
  const ran = [...module.children.allTests()].flatMap((test) => {
    const { state } = test.result();
    return state === 'passed' || state === 'failed' ? [[test.fullName, state] as const] : [];
  });
  return ran.length === 0
    ? []
    : [[relative(root, module.moduleId), { date, tests: Object.fromEntries(ran) }]];
}

export default class LongResultsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const date = new Date().toISOString().slice(0, 10);
    keepLongResults(Object.fromEntries(modules.flatMap((module) => resultOf(module, date))));
  }
}
