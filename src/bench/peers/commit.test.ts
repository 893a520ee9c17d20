/** The commit of a checkout, whether its sources differ, and nothing where heed is no checkout. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { commitOf } from './commit.ts';

let folder: string;
const git = (...args: string[]) => {
  const who = ['-c', 'user.name=somebody', '-c', 'user.email=somebody@example.org'];
  return spawnSync('git', ['-C', folder, ...who, ...args], { encoding: 'utf8' });
};
const hasGit = spawnSync('git', ['--version']).status === 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'heed-commit-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('a commit is named, with a mark where sources differ from it', (context) => {
  if (!hasGit) return context.skip('git is not here');
  expect(commitOf(folder)).toBeUndefined();
  git('init');
  expect(commitOf(folder), 'no commit yet').toBeUndefined();
  mkdirSync(join(folder, 'src', 'node_modules', 'heed'), { recursive: true });
  writeFileSync(join(folder, 'src', 'a.ts'), '1');
  writeFileSync(join(folder, 'README.md'), '1');
  git('add', '.');
  git('commit', '-m', 'first');
  const hash = git('rev-parse', 'HEAD').stdout.slice(0, 7);
  expect(commitOf(folder)).toBe(hash);
  expect(commitOf(join(folder, 'src', 'node_modules', 'heed')), 'a package in a project').toBeUndefined();
  writeFileSync(join(folder, 'README.md'), '2');
  expect(commitOf(folder)).toBe(hash);
  writeFileSync(join(folder, 'src', 'a.ts'), '2');
  expect(commitOf(folder)).toBe(`${hash}+`);
});
