/** What Linux says in files. */
import { readFileSync } from 'node:fs';

/** A file's text; undefined where it cannot be read. Tests answer for machines that they do not have. */
export type ReadText = (path: string) => string | undefined;

/** Reads this machine's files. */
export const readText: ReadText = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};

/** Folders of the control groups (v2) that hold the process, the outermost first. */
export function controlGroups(read: ReadText): string[] {
  const path = /^0::(\/.*)$/m.exec(read('/proc/self/cgroup') ?? '')?.[1] ?? '/';
  const parts = path.split('/').filter(Boolean);
  return ['/sys/fs/cgroup', ...parts.map((_, i) => `/sys/fs/cgroup/${parts.slice(0, i + 1).join('/')}`)];
}
