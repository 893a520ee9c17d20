import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../../tests/support/tiny-run.ts';
import { lockFolder } from './lock.ts';

const locked = expect.objectContaining({ name: 'TrainingError', code: 'E_LOCKED' });

function foreignLock(folder: string, content: string | object): void {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  writeFileSync(join(folder, '.lock'), text);
}

test('one owner at a time; nothing stays after unlocking', () => {
  const folder = temporaryFolder();
  const unlock = lockFolder(folder);
  expect(() => lockFolder(folder)).toThrow(locked);
  expect(readdirSync(folder)).toEqual(['.lock']);
  unlock();
  expect(readdirSync(folder)).toEqual([]);
  lockFolder(folder)();
});

test('the lock of a process that runs is respected, whoever it is', () => {
  const folder = temporaryFolder();
  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  onTestFinished(() => void other.kill('SIGKILL'));
  const stat = `/proc/${other.pid}/stat`; // absent on systems that do not tell when a process started
  const started = existsSync(stat) ? readFileSync(stat, 'utf8').split(') ')[1]!.split(' ')[19]! : '';
  foreignLock(folder, { pid: other.pid, host: hostname(), started });
  expect(() => lockFolder(folder)).toThrow(locked);
  expect(() => lockFolder(folder)).toThrow(`process ${other.pid} on ${hostname()}`);
});

test('a lock of another machine is respected: its processes cannot be seen from here', () => {
  const folder = temporaryFolder();
  foreignLock(folder, { pid: 1, host: 'elsewhere', started: '' });
  expect(() => lockFolder(folder)).toThrow(locked);
});

test('the lock of a dead process is taken over, also when its number was given to another one', () => {
  const folder = temporaryFolder();
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  for (const owner of [
    { pid, started: '1' },
    { pid: process.pid, started: 'long ago' },
  ]) {
    foreignLock(folder, { ...owner, host: hostname() });
    const unlock = lockFolder(folder);
    expect(JSON.parse(readFileSync(join(folder, '.lock'), 'utf8'))).toMatchObject({ pid: process.pid });
    unlock();
  }
});

test('an empty or half-written lock is taken over', () => {
  const folder = temporaryFolder();
  for (const content of ['', '{"pid":', 'null']) {
    foreignLock(folder, content);
    lockFolder(folder)();
    expect(readdirSync(folder)).toEqual([]);
  }
});

test('a folder that cannot be written to is named', () => {
  const folder = join(temporaryFolder(), 'file');
  writeFileSync(folder, '');
  expect(() => lockFolder(folder)).toThrow(expect.objectContaining({ code: 'E_NOT_WRITABLE' }));
});
