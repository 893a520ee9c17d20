/** How the long tests ended when they last ran: `npm run test:long` keeps it beside them. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** How the tests of one file ended. */
export interface LongResult {
  /** Day of the run, `2026-01-31`. */
  readonly date: string;
  /** `passed` or `failed`, by full name. */
  readonly tests: Readonly<Record<string, string>>;
  /** Lines with the figures that tests printed, by full name. */
  readonly printed?: Readonly<Record<string, readonly string[]>>;
}

/** By path of the file. */
export type LongResults = Readonly<Record<string, LongResult>>;

const file = fileURLToPath(new URL('../long/results.json', import.meta.url));

/** Those that were kept; none where no long test has run yet. */
export function readLongResults(): LongResults {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as LongResults) : {};
}

/** Puts new results over the kept ones of the same files. */
export function keepLongResults(results: LongResults): void {
  const all = Object.entries({ ...readLongResults(), ...results }).toSorted(([a], [b]) => (a < b ? -1 : 1));
  writeFileSync(file, `${JSON.stringify(Object.fromEntries(all), null, 2)}\n`);
}
