/** Keeps how the long tests ended and what figures they printed, for docs/mechanisms.md. */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import type { UserConsoleLog } from 'vitest';
import type { Reporter, TestModule } from 'vitest/node';
import { keepLongResults, type LongResult } from '../tests/mechanisms/long-results.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

export default class LongResultsReporter implements Reporter {
  /** By id of the test that printed them. */
  private readonly lines = new Map<string, string[]>();

  onUserConsoleLog({ content, type, taskId }: UserConsoleLog): void {
    if (type !== 'stdout' || taskId === undefined) return;
    const printed = stripVTControlCharacters(content)
      .split('\n')
      .filter((line) => line.trim() !== '');
    this.lines.set(taskId, [...(this.lines.get(taskId) ?? []), ...printed]);
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const date = new Date().toISOString().slice(0, 10);
    keepLongResults(Object.fromEntries(modules.flatMap((module) => this.resultOf(module, date))));
  }

  /** What ran of a file; nothing where every test was skipped. */
  private resultOf(module: TestModule, date: string): [string, LongResult][] {
    const ran = [...module.children.allTests()].filter((test) =>
      ['passed', 'failed'].includes(test.result().state),
    );
    if (ran.length === 0) return [];
    const tests = Object.fromEntries(ran.map((test) => [test.fullName, test.result().state]));
    const printed = Object.fromEntries(
      ran.flatMap(({ id, fullName }) => (this.lines.has(id) ? [[fullName, this.lines.get(id)!]] : [])),
    );
    return [[relative(root, module.moduleId), { date, tests, printed }]];
  }
}
