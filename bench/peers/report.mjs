/** What the JavaScript peers share: where packages are, their versions, and the JSON line. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

/** Where npm has put a package of this folder. */
export const packagePath = (name) => join(here, 'node_modules', name);

/** The version of a package of this folder. */
export const versionOf = (name) =>
  JSON.parse(readFileSync(join(packagePath(name), 'package.json'), 'utf8')).version;

/** Prints the line and ends, whatever threads the peer still has. */
export function report(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`, () => process.exit(0));
}
