/** Reads the data sets and oracles that live beside the project, never in it. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'vitest';

/** The folder of the data; set HEED_DATA to keep it elsewhere. */
export const sharedData =
  process.env.HEED_DATA ?? fileURLToPath(new URL('../../../shared/data', import.meta.url));

/** Path of a file or folder in the data; skips the running test, with its reason, when it is absent. */
export function needData(context: TestContext, path: string): string {
  const full = `${sharedData}/${path}`;
  if (!existsSync(full)) context.skip(`the data folder has no ${path} (set HEED_DATA)`);
  return full;
}

/** Parsed JSON file of the data; skips the test when it is absent. */
export function needJson(context: TestContext, path: string): unknown {
  return JSON.parse(readFileSync(needData(context, path), 'utf8'));
}
