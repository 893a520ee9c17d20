/** The real command line, compiled into a temporary folder: Node 20 does not run TypeScript. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** How a process ended and what it said. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly errors: string;
}

/** A compiled copy of heed. */
export interface BuiltHeed {
  readonly folder: string;
  /** Starts `heed` with these arguments; the promise waits for its end. */
  readonly start: (args: readonly string[]) => {
    readonly process: ChildProcess;
    readonly ended: Promise<Ending>;
  };
  readonly remove: () => void;
}

/** Compiles the sources; some seconds. */
export function buildHeed(): BuiltHeed {
  const folder = mkdtempSync(join(tmpdir(), 'heed-built-'));
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const options = ['--outDir', join(folder, 'dist'), '--noCheck', '--declaration', 'false'];
  execFileSync(process.execPath, [compiler, '-p', join(root, 'tsconfig.build.json'), ...options]);
  for (const name of ['build', 'node_modules', 'native']) symlinkSync(join(root, name), join(folder, name));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  return builtAt(folder);
}

/** The copy that lies in a folder. */
export function builtAt(folder: string): BuiltHeed {
  return {
    folder,
    start: (args) => startHeed(folder, args),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function startHeed(folder: string, args: readonly string[]) {
  const child = spawn(process.execPath, [join(folder, 'dist/cli/main.js'), ...args]);
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (errors += chunk));
  const ended = new Promise<Ending>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, output, errors }));
  });
  return { process: child, ended };
}
