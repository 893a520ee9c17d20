/** Makes `npx heed` work inside a checkout: npm links the commands of dependencies, not the project's own. */
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const script = join(root, 'dist', 'cli', 'main.js');
const bin = join(root, 'node_modules', '.bin');
if (process.platform !== 'win32' && existsSync(script)) {
  chmodSync(script, 0o755);
  mkdirSync(bin, { recursive: true });
  rmSync(join(bin, 'heed'), { force: true });
  symlinkSync(join('..', '..', 'dist', 'cli', 'main.js'), join(bin, 'heed'));
}
