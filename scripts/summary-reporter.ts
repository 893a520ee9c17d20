/** Ends a test run with every skip's reason and the line `N passed, N failed, N skipped`. */
import type { Reporter, TestModule } from 'vitest/node';

export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const counts = { passed: 0, failed: errors.length, skipped: 0 };
    const reasons = new Map<string, number>();
    for (const module of modules) {
      let tests = 0;
      for (const test of module.children.allTests()) {
        tests++;
        const result = test.result();
        if (result.state === 'passed') counts.passed++;
        else if (result.state === 'failed') counts.failed++;
        else {
          counts.skipped++;
          const why = (result.state === 'skipped' && result.note) || `no reason given: ${test.fullName}`;
          reasons.set(why, (reasons.get(why) ?? 0) + 1);
        }
      }
      if (tests === 0 && !module.ok()) counts.failed++;
    }
    for (const [why, count] of reasons) process.stdout.write(`skipped ${count}: ${why}\n`);
    process.stdout.write(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
  }
}
