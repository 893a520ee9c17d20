/** The results of some works join those of a file, also of an older one. */
import { expect, it } from 'vitest';
import type { Row } from './compare.ts';
import { mergeResults, type PeerResults } from './results.ts';

const row = (work: string, median: number): Row => ({
  ...{ work, label: work, unit: 's', better: 'lower', threads: 2, peers: [], comparisons: [] },
  ...{ ours: { median, values: [median] }, limit: null, measured: { date: '2026-11-22', load: 0 } },
});
const results = (given: Partial<PeerResults>): PeerResults => ({
  ...{ machine: { cpu: 'c', cores: 2, memoryGiB: 24, system: 's' }, versions: {}, rows: [], skipped: [] },
  ...given,
});

it('works that were measured anew replace their rows, in the order of the table', () => {
  const before = results({
    rows: [row('train-tiny', 1), row('scaling', 1)],
    versions: { heed: '1', old: '1' },
  });
  const now = results({ rows: [row('scaling', 2), row('char-gpt', 2)], versions: { heed: '2' } });
  const merged = mergeResults(before, now, new Set(['scaling', 'char-gpt', 'decode-gpt2']));
  expect(merged.rows.map(({ work, ours }) => [work, ours.median])).toEqual([
    ['train-tiny', 1],
    ['char-gpt', 2],
    ['scaling', 2],
  ]);
  expect(merged.versions).toEqual({ heed: '2', old: '1' });
  expect(mergeResults(undefined, now, new Set(['scaling'])).rows).toHaveLength(2);
});

it('what was skipped stays so in the other works, and is named once', () => {
  const missing = { name: 'PyTorch', reason: 'not installed' };
  const before = results({ skipped: [{ ...missing, works: ['train-tiny', 'char-gpt', 'scaling'] }] });
  const again = results({ skipped: [{ ...missing, works: ['char-gpt'] }] });
  const done = new Set(['char-gpt', 'scaling']);
  expect(mergeResults(before, again, done).skipped).toEqual([
    { ...missing, works: ['train-tiny', 'char-gpt'] },
  ]);
  const all = new Set(['train-tiny', ...done]);
  expect(mergeResults(before, results({}), all).skipped).toEqual([]);
  const other = { ...missing, reason: 'MemoryError', works: ['char-gpt'] };
  const failed = mergeResults(before, results({ failed: [other] }), done);
  expect(failed).toMatchObject({ skipped: [{ works: ['train-tiny'] }], failed: [other] });
});
