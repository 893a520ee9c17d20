import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../../', import.meta.url));

// The package as another project has it in node_modules, without anything of its own installed.
let home = '';
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'heed-build-'));
  for (const part of ['native', 'scripts/build-native.mjs']) {
    cpSync(join(root, part), join(home, 'node_modules/heed', part), { recursive: true });
  }
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** Runs the install script; it must end well whatever happens. */
async function install(env: Record<string, string>) {
  const script = join(home, 'node_modules/heed/scripts/build-native.mjs');
  const { stdout, stderr } = await run(process.execPath, [script], {
    cwd: home,
    env: { HOME: home, ...env },
  });
  expect(stdout).toBe('');
  return stderr;
}

const hasAddon = () => existsSync(join(home, 'node_modules/heed/build/heed.node'));

test('without a compiler the install goes on and says what is missing, in one line', async () => {
  const text = await install({ PATH: '' });
  expect(text).toBe(
    'heed: no C compiler found: using the wasm backend (slower). Install gcc or clang and run npm rebuild.\n',
  );
  expect(hasAddon()).toBe(false);
});

test('HEED_NATIVE=off skips the build, in one line', async () => {
  const text = await install({ PATH: process.env.PATH ?? '', HEED_NATIVE: 'off' });
  expect(text).toBe(
    'heed: HEED_NATIVE=off: the native backend is not built; using the wasm backend (slower).\n',
  );
  expect(hasAddon()).toBe(false);
});

test('a build that fails says why in one line and leaves nothing behind', async () => {
  const compiler = join(home, 'broken-cc');
  writeFileSync(
    compiler,
    '#!/bin/sh\n[ "$1" = --version ] && exit 0\necho "x.c:1: note: hm" >&2\necho "x.c:1: error: no luck" >&2\nexit 1\n',
    { mode: 0o755 },
  );
  const text = await install({ PATH: process.env.PATH ?? '', CC: compiler });
  const known =
    /^heed: (the native backend did not build \(x\.c:1: error: no luck\)|no Node-API headers found): using the wasm backend \(slower\).*\n$/;
  expect(text).toMatch(known);
  expect(hasAddon()).toBe(false);
  expect(existsSync(join(home, 'node_modules/heed/build/heed.node.hash'))).toBe(false);
});
