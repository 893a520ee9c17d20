/** How many threads a machine is good for: its physical cores, as far as this process may use them. */
import { execFileSync } from 'node:child_process';
import os from 'node:os';
import { controlGroups, type ReadText, readText } from './system-files.ts';

/** What is asked of the system; tests answer for machines that they do not have. */
export interface CoreSources {
  readonly platform: NodeJS.Platform;
  /** Logical processors that this process may run on. */
  readonly logical: number;
  readonly read: ReadText;
  /** A value of the kernel's state, as `sysctl -n` prints it; undefined where there is none. */
  readonly sysctl: (name: string) => string | undefined;
}

function sysctl(name: string): string | undefined {
  try {
    return execFileSync('sysctl', ['-n', name], { encoding: 'utf8', stdio: 'pipe' });
  } catch {
    return undefined;
  }
}

const thisMachine = (): CoreSources => ({
  platform: process.platform,
  logical: os.availableParallelism(),
  read: readText,
  sysctl,
});

/** `0-2,5` as 0, 1, 2, 5. */
function numbersOf(list: string): number[] {
  return list
    .trim()
    .split(',')
    .flatMap((range) => {
      const [first, last = first] = range.split('-').map(Number);
      return Array.from({ length: last! - first! + 1 }, (_, i) => first! + i);
    });
}

/** Physical cores that the process may run on; processors that share a core name the same siblings. */
function linuxCores({ read }: CoreSources): number | undefined {
  const allowed = /^Cpus_allowed_list:\s*(\S+)$/m.exec(read('/proc/self/status') ?? '')?.[1];
  if (allowed === undefined) return undefined;
  const siblings = numbersOf(allowed).map((cpu) =>
    read(`/sys/devices/system/cpu/cpu${cpu}/topology/thread_siblings_list`)?.trim(),
  );
  return siblings.includes(undefined) ? undefined : new Set(siblings).size;
}

function quotaOf(folder: string, read: ReadText): number {
  const [quota, period] = (read(`${folder}/cpu.max`) ?? 'max').split(/\s+/).map(Number);
  return quota! / period! || Number.POSITIVE_INFINITY;
}

/** Processors' worth of time that the control groups of the process grant it. */
function quota({ read }: CoreSources): number {
  const v1 = '/sys/fs/cgroup/cpu';
  const old = Number(read(`${v1}/cpu.cfs_quota_us`)) / Number(read(`${v1}/cpu.cfs_period_us`));
  const limits = controlGroups(read).map((folder) => quotaOf(folder, read));
  return Math.min(...limits, old > 0 ? old : Number.POSITIVE_INFINITY);
}

/**
 * Physical cores that this process may use: hyperthreads counted once, never more than its affinity or its control
 * group allows. Where the machine does not tell its cores, its logical processors.
 *
 * @example
 * usableCores(); // 8 on a machine of 8 cores with 16 hyperthreads
 */
export function usableCores(sources: CoreSources = thisMachine()): number {
  const { platform, logical } = sources;
  const told =
    platform === 'linux'
      ? linuxCores(sources)
      : platform === 'darwin'
        ? Number(sources.sysctl('hw.physicalcpu')) || undefined
        : undefined;
  const granted = platform === 'linux' ? Math.floor(quota(sources)) : Number.POSITIVE_INFINITY;
  return Math.max(1, Math.min(told ?? logical, logical, granted));
}
