/**
 * `node:fs` with faults: the n-th call that changes the disk fails, once or from then on for ever. A process that
 * dies is the second kind, for nothing it does afterwards reaches the disk.
 *
 * Use: `vi.mock('node:fs', async (original) => (await import('./support/faulty-fs.ts')).faulty(await original()))`
 */
type Fs = typeof import('node:fs');

/** The calls that write, in the form in which heed uses them. */
const changing = [
  'mkdirSync',
  'openSync',
  'writeSync',
  'fsyncSync',
  'closeSync',
  'ftruncateSync',
  'renameSync',
  'rmSync',
  'linkSync',
] as const;

interface Plan {
  readonly at: number;
  readonly code: string;
  readonly isForGood: boolean;
}

let calls: string[] = [];
let plan: Plan | undefined;

/** Starts counting anew, with a fault at call `at` (from 0) or none. */
export function plantFault(next?: Plan): void {
  calls = [];
  plan = next;
}

/** Names of the changing calls since `plantFault`. */
export function callsSoFar(): readonly string[] {
  return calls;
}

function strike(name: string): string | undefined {
  const at = calls.push(name) - 1;
  if (!plan) return undefined;
  return at === plan.at || (plan.isForGood && at > plan.at) ? plan.code : undefined;
}

function failure(code: string, syscall: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: planted fault, ${syscall}`), { code, syscall });
}

/** The module with its changing calls under the plan; a failing write leaves half of its bytes behind. */
export function faulty(original: Fs): Fs {
  const replaced = Object.fromEntries(
    changing.map((name) => [
      name,
      (...args: never[]) => {
        const call = original[name] as (...all: never[]) => unknown;
        const code = strike(name);
        if (code === undefined) return call(...args);
        if (name === 'writeSync' && calls.length - 1 === plan!.at) writeHalf(original, args);
        // A descriptor is gone when close fails, and at the death of its process.
        if (name === 'closeSync') call(...args);
        throw failure(code, name);
      },
    ]),
  );
  return { ...original, ...replaced, default: { ...original, ...replaced } } as Fs;
}

function writeHalf({ writeSync }: Fs, args: readonly unknown[]): void {
  const [file, bytes, offset = 0, , position] = args as [
    number,
    Uint8Array | string,
    number?,
    number?,
    number?,
  ];
  if (typeof bytes === 'string') writeSync(file, bytes.slice(0, bytes.length / 2));
  else writeSync(file, bytes, offset, Math.floor((bytes.length - offset) / 2), position);
}
