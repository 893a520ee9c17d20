/** Runs the tests of every mechanism and writes docs/mechanisms.md: `npm run docs:mechanisms`. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = new URL('../tests/mechanisms/', import.meta.url);
const texts = readdirSync(folder)
  .filter((file) => file.startsWith('ROWS-'))
  .map((file) => readFileSync(new URL(file, folder), 'utf8'));
// Long tests have run before: their results are kept in tests/long/results.json.
const tests = new Set(
  texts.flatMap((text) => text.match(/(?:tests\/(?!long\/)|src\/)[\w/.-]+\.test\.ts/g) ?? []),
);
const reporters = ['--reporter', 'default', '--reporter', './scripts/mechanisms-reporter.ts'];
const { status } = spawnSync('npx', ['vitest', 'run', ...reporters, ...tests], {
  cwd: root,
  stdio: 'inherit',
});
process.exit(status ?? 1);
