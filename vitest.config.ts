import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'tests/**/*.test.ts'],
    exclude: ['tests/long/**'],
    reporters: ['default', './scripts/summary-reporter.ts'],
    maxWorkers: '100%', // the default leaves a core idle
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
