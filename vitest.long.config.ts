import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/long/**/*.test.ts'],
    reporters: ['default', './scripts/summary-reporter.ts', './scripts/long-results-reporter.ts'],
    testTimeout: 3_600_000,
    fileParallelism: false,
  },
});
