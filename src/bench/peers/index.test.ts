/** Results grow work by work, and say of which text and which commit they are. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { commitOf } from './commit.ts';
import { measurePeers, type PeerResults } from './index.ts';
import { packageRoot } from './programs.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'heed-peers-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A heed that prints every figure as 7, and no peers. */
function measured(only: string, data?: string) {
  const heed = join(folder, 'heed.mjs');
  const line = { targetTokensPerSecond: 7, seconds: 7, validationLoss: 7 };
  writeFileSync(heed, `console.log(${JSON.stringify(JSON.stringify(line))});\n`);
  const finished: (readonly [string, number, PeerResults])[] = [];
  const results = measurePeers({
    ...{ rounds: 2, only, folder, python: join(folder, 'no-python'), data },
    heed: [process.execPath, heed],
    lacks: (need) => (need === 'bf16' ? 'no unit' : undefined),
    onWork: (work, rows, soFar) => finished.push([work, rows.length, soFar]),
  });
  return { results, finished };
}

it('results are handed over after every work, with those of the works before', () => {
  const { results, finished } = measured('train');
  expect(finished.map(([work, rows, soFar]) => [work, rows, soFar.rows.length])).toEqual([
    ['train-base256', 1, 1],
    ['train-tiny', 1, 2],
    ['train-base256-bf16', 0, 2],
    ['train-tiny-bf16', 0, 2],
  ]);
  expect(results).toEqual(finished.at(-1)![2]);
  expect(results.rows.map(({ measured: { commit } }) => commit)).toEqual(
    Array(2).fill(commitOf(packageRoot)),
  );
  expect(finished.map(([, , { skipped }]) => skipped.length)).toEqual([1, 1, 2, 3]);
});

it('a row says from which text it learnt, by its file name', () => {
  const { results } = measured('char-gpt', '/of/somebody/tinyshakespeare.txt');
  expect(results.rows.map(({ text }) => text)).toEqual(['tinyshakespeare.txt', 'tinyshakespeare.txt']);
  const other = measured('train-tiny', '/of/somebody/tinyshakespeare.txt').results;
  expect(other.rows.map((row) => 'text' in row)).toEqual([false]);
});
