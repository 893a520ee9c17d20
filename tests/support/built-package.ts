/** The package as it is installed: compiled, beside its kernels, recipes and package.json. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder of this checkout. */
export const root = fileURLToPath(new URL('../..', import.meta.url));
const place = join(root, 'build', 'test-package');

/** Files below a folder, sorted. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

function keyOfSources(): string {
  const hash = createHash('sha256');
  for (const file of filesBelow(join(root, 'src'))) {
    if (!file.endsWith('.test.ts')) hash.update(file).update(readFileSync(join(root, 'src', file)));
  }
  for (const file of ['package.json', 'tsconfig.json', 'tsconfig.build.json'])
    hash.update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

function isCurrent(key: string): boolean {
  const file = join(place, 'key');
  return existsSync(file) && readFileSync(file, 'utf8') === key;
}

function compile(into: string): void {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const args = [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', join(into, 'dist')];
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the package does not compile:\n${stdout}`);
}

function linkRest(into: string): void {
  for (const name of ['node_modules', 'recipes', 'wasm', 'package.json'])
    symlinkSync(join(root, name), join(into, name));
  mkdirSync(join(into, 'build'));
  // Where no kernels are built the link leads nowhere, and the package says that they are missing.
  symlinkSync(join(root, 'build', 'heed.node'), join(into, 'build', 'heed.node'));
}

/** Compiles the sources once for all tests; the folder of the package. */
export function builtPackage(): string {
  const key = keyOfSources();
  if (isCurrent(key)) return place;
  const fresh = `${place}-${process.pid}`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  compile(fresh);
  linkRest(fresh);
  writeFileSync(join(fresh, 'key'), key);
  // Another test file may have done the same meanwhile.
  if (isCurrent(key)) rmSync(fresh, { recursive: true });
  else {
    rmSync(place, { recursive: true, force: true });
    renameSync(fresh, place);
  }
  return place;
}
