/** The real `heed` as a child process: arguments, input, and what it printed. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'vitest';
import { builtPackage } from './built-package.ts';

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Folder in which it runs. */
  readonly cwd: string;
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
}

/** Where no kernels are built, every command says so; without-kernels tests switch them off themselves. */
const missingKernels = /^note: no native kernels \(build\/heed\.node is missing.*\n/gm;

/** Path of the script behind the command. */
export function heedScript(): string {
  return join(builtPackage(), 'dist', 'cli', 'main.js');
}

function environment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(HEED_|NODE_OPTIONS|VITEST)/.test(name));
  return { ...Object.fromEntries(own), ...more };
}

/** Starts it; the caller talks to it. */
export function startHeed(args: readonly string[], { cwd, env }: RunOptions): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [heedScript(), ...args], { cwd, env: environment(env) });
}

/** Everything that a process prints until it ends. */
export function outcomeOf(child: ChildProcessWithoutNullStreams): Promise<Outcome> {
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk;
    });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({ code, stdout: text.stdout, stderr: text.stderr.replace(missingKernels, '') }),
    );
  });
}

/** Runs it to its end. */
export function heed(args: readonly string[], options: RunOptions): Promise<Outcome> {
  const child = startHeed(args, options);
  child.stdin.on('error', () => {}); // a command that refuses at once does not read
  child.stdin.end(options.input ?? '');
  return outcomeOf(child);
}

/** Runs a shell line in which `heed` is the command, for pipes. */
export function shell(line: string, { cwd, env, input }: RunOptions): Promise<Outcome> {
  const prelude = `heed() { '${process.execPath}' '${heedScript()}' "$@"; }\n`;
  const child = spawn('bash', ['-c', `set -o pipefail\n${prelude}${line}`], { cwd, env: environment(env) });
  child.stdin.on('error', () => {}); // nor does a line that ends at once
  child.stdin.end(input ?? '');
  return outcomeOf(child);
}

/** A user's mistake: exit code 2, nothing on standard output, one line that begins with `heed: `; the line. */
export function expectMistake({ code, stdout, stderr }: Outcome): string {
  expect({ code, stdout, lines: stderr.split('\n').length - 1 }, stderr).toEqual({
    code: 2,
    stdout: '',
    lines: 1,
  });
  expect(stderr).toMatch(/^heed: /);
  expect(stderr).not.toMatch(/\n\s+at |internal error|undefined|\[object/);
  return stderr.slice('heed: '.length, -1);
}

/** The lines of a text that ends with a line end. */
export function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

/** Every line as JSON. */
export function jsonLines(text: string): Record<string, unknown>[] {
  return linesOf(text).map((line) => JSON.parse(line) as Record<string, unknown>);
}
