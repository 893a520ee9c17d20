/** Machines that are described, because nobody has them all. */
import { execFileSync } from 'node:child_process';
import os from 'node:os';
import { describe, expect, it } from 'vitest';
import { type CoreSources, usableCores } from './cores.ts';

/** A Linux machine whose processors have these siblings. */
function linux(
  siblings: readonly string[],
  {
    allowed = `0-${siblings.length - 1}`,
    logical = siblings.length,
    files = {} as Record<string, string>,
  } = {},
): CoreSources {
  const known: Record<string, string> = {
    '/proc/self/status': `Name:\tnode\nCpus_allowed:\tff\nCpus_allowed_list:\t${allowed}\nMems_allowed:\t1\n`,
    ...Object.fromEntries(
      siblings.map((list, cpu) => [
        `/sys/devices/system/cpu/cpu${cpu}/topology/thread_siblings_list`,
        `${list}\n`,
      ]),
    ),
    ...files,
  };
  return { platform: 'linux', logical, read: (path) => known[path], sysctl: () => undefined };
}

const smt = ['0,4', '1,5', '2,6', '3,7', '0,4', '1,5', '2,6', '3,7'];

describe('usable cores', () => {
  it('counts hyperthreads once', () => {
    expect(usableCores(linux(smt))).toBe(4);
    expect(usableCores(linux(['0-1', '0-1', '2-3', '2-3']))).toBe(2);
    expect(usableCores(linux(['0', '1', '2']))).toBe(3);
  });

  it('never exceeds the affinity, whichever hyperthreads it holds', () => {
    expect(usableCores(linux(smt, { allowed: '0,4', logical: 2 }))).toBe(1);
    expect(usableCores(linux(smt, { allowed: '0-1,6', logical: 3 }))).toBe(3);
    expect(usableCores(linux(smt, { logical: 2 }))).toBe(2);
  });

  it.each([
    ['of the group itself', { '/sys/fs/cgroup/a/b/cpu.max': '250000 100000\n' }, 2],
    ['of a group above it', { '/sys/fs/cgroup/a/cpu.max': '100000 100000\n' }, 1],
    ['of less than one processor', { '/sys/fs/cgroup/cpu.max': '50000 100000\n' }, 1],
    ['that is none', { '/sys/fs/cgroup/a/b/cpu.max': 'max 100000\n' }, 4],
    ['above the cores', { '/sys/fs/cgroup/a/b/cpu.max': '900000 100000\n' }, 4],
    [
      'of the first version',
      { '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '300000', '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000' },
      3,
    ],
    [
      'of the first version that is none',
      { '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1', '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000' },
      4,
    ],
  ])('keeps to a quota %s', (_, files, wanted) => {
    expect(usableCores(linux(smt, { files: { '/proc/self/cgroup': '0::/a/b\n', ...files } }))).toBe(wanted);
  });

  it('asks sysctl on a Mac, and takes the logical processors where nothing is told', () => {
    const nothing: CoreSources = {
      platform: 'win32',
      logical: 12,
      read: () => undefined,
      sysctl: () => undefined,
    };
    expect(usableCores(nothing)).toBe(12);
    expect(usableCores({ ...nothing, platform: 'linux' })).toBe(12);
    expect(usableCores({ ...nothing, platform: 'darwin' })).toBe(12);
    const mac = { ...nothing, platform: 'darwin' as const };
    expect(usableCores({ ...mac, sysctl: (name) => (name === 'hw.physicalcpu' ? '8\n' : undefined) })).toBe(
      8,
    );
  });

  it('agrees with lscpu about this machine', (context) => {
    let text: string;
    try {
      text = execFileSync('lscpu', ['-p=CORE,SOCKET,NODE'], { encoding: 'utf8' });
    } catch {
      return context.skip('lscpu is not here');
    }
    const cores = new Set(text.split('\n').filter((line) => line !== '' && !line.startsWith('#')));
    expect(usableCores()).toBeLessThanOrEqual(cores.size);
    expect(usableCores()).toBeLessThanOrEqual(os.availableParallelism());
    expect(usableCores()).toBeGreaterThanOrEqual(1);
  });
});
