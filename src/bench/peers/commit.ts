/** Which commit of heed a checkout has. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The short hash of the commit, with a `+` where sources differ from it.
 *
 * @param folder - the folder of heed
 * @returns undefined without git, or where heed is not a checkout of its own
 */
export function commitOf(folder: string): string | undefined {
  // Git would answer for the project in whose node_modules heed is installed.
  if (!existsSync(join(folder, '.git'))) return undefined;
  const git = (...args: string[]) => spawnSync('git', ['-C', folder, ...args], { encoding: 'utf8' });
  const hash = git('rev-parse', '--short', 'HEAD');
  if (hash.status !== 0) return undefined;
  const isChanged = git('diff', '--quiet', 'HEAD', '--', 'src', 'native').status !== 0;
  return `${hash.stdout.trim()}${isChanged ? '+' : ''}`;
}
