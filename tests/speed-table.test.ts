/** README's table of speeds is what the script makes of bench/results.json. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { PeerResults } from '../src/bench/peers/index.ts';
import { root } from './support/built-package.ts';

interface Script {
  speedTable(results: PeerResults): string;
  withSpeedTable(readme: string, results: PeerResults): string;
}
const { speedTable, withSpeedTable } = (await import(`${root}scripts/write-speed-table.mjs`)) as Script;

const measured = { date: '2026-11-21', load: 0.3 };
const later = { date: '2026-11-22', load: 0.1 };

const results: PeerResults = {
  machine: { cpu: 'Some CPU', cores: 2, memoryGiB: 24, system: 'Linux' },
  versions: { heed: '1.0.0', PyTorch: '2.13.0' },
  skipped: [{ name: 'jax-js', reason: 'not installed', works: ['gemm-wasm'] }],
  rows: [
    {
      ...{ work: 'train-x', label: 'training', unit: 'tokens/s', better: 'higher', threads: 2, peers: [] },
      ...{ ours: { median: 3521.4, values: [1, 2, 3] }, limit: null, measured },
      comparisons: [
        {
          contender: 'PyTorch',
          best: 'PyTorch sdpa',
          median: 2000,
          ratio: 1.7607,
          goal: { atLeast: 1.5 },
          reached: true,
        },
      ],
    },
    {
      ...{ work: 'char', label: 'loss', unit: 'nats', better: 'lower', threads: 2, peers: [] },
      ...{ ours: { median: 1.5, values: [1, 2, 3, 4] }, limit: null, measured: later },
      comparisons: [
        {
          contender: 'PyTorch',
          best: 'PyTorch eager',
          median: 1.51,
          ratio: -0.01,
          goal: { within: 0.02 },
          reached: true,
        },
        { contender: 'other', best: 'jax-js', median: 2, ratio: 1.3333, goal: null, reached: null },
      ],
    },
    {
      ...{ work: 'train-x', label: 'peak memory', unit: 'bytes', better: 'lower', threads: 2, peers: [] },
      ...{ ours: { median: 484_880_384, values: [1, 2, 3] }, limit: null, measured },
      comparisons: [],
    },
    {
      ...{ work: 'scaling', label: 'over the trend', unit: '×', better: 'lower', threads: 2, peers: [] },
      ...{ ours: { median: 1.14, values: [1.1] }, limit: { atMost: 1.5, reached: true }, measured },
      comparisons: [],
    },
  ],
};

describe('the table', () => {
  it('has one row for every figure that has a goal', () => {
    expect(speedTable(results).split('\n').slice(2)).toEqual([
      '| work | heed | peers | ratio (goal) | rounds |',
      '| --- | --- | --- | --- | --- |',
      '| training | 3,521 tokens/s | PyTorch sdpa 2,000 tokens/s | 1.76× (1.5×) | 3 |',
      '| loss | 1.50 nats | PyTorch eager 1.51 nats; jax-js 2.00 nats | −0.010 (goal: within 0.02); 1.33× | 4 |',
      '| over the trend | 1.14 × | — | (at most 1.5) | 1 |',
    ]);
  });

  it('has products in a table of their own, a row for each shape', () => {
    const product = (threads: number, median: number, ratio: number) => ({
      ...{
        work: `gemm-4x5x6At-${threads}`,
        label: 'product',
        unit: 'GFLOP/s',
        better: 'higher' as const,
        threads,
      },
      ...{ peers: [], ours: { median, values: [1, 2, 3] }, limit: null, measured },
      comparisons: [
        {
          ...{ contender: 'oneDNN', best: 'oneDNN', median: 100, ratio },
          ...{ goal: { atLeast: 0.95 }, reached: ratio >= 0.95 },
        },
      ],
    });
    const other = { ...product(2, 300, 3), work: 'gemm-7x8x9-2' };
    const rows = [...results.rows.slice(0, 1), product(1, 98, 0.98), product(2, 201, 2.01), other];
    const lines = speedTable({ ...results, rows }).split('\n');
    expect(lines.slice(4)).toEqual([
      '| training | 3,521 tokens/s | PyTorch sdpa 2,000 tokens/s | 1.76× (1.5×) | 3 |',
      '',
      'Products of matrices in fp32, GFLOP/s; goals 0.95× oneDNN. Medians of 3 rounds.',
      '',
      '| M × N × K | 1 thread | 2 threads |',
      '| --- | --- | --- |',
      '| 4 × 5 × 6, Aᵀ | 98.0 (0.98× oneDNN) | 201 (2.01× oneDNN) |',
      '| 7 × 8 × 9 | — | 300 (3.00× oneDNN) |',
    ]);
  });

  it('says on what machine, with what versions and what is missing', () => {
    expect(speedTable(results).split('\n')[0]).toBe(
      'Some CPU, 2 processors, 24 GiB, Linux, load at most 0.3 at the start; 2026-11-21, 2026-11-22; heed 1.0.0, PyTorch 2.13.0. Medians of rounds in turns. Not measured: jax-js.',
    );
  });

  it('says which text was learnt from', () => {
    const [row] = results.rows;
    const text = { ...results, rows: [{ ...row!, text: 'tinyshakespeare.txt' }] };
    expect(speedTable(text).split('\n')[4]).toMatch(/^\| training, text tinyshakespeare.txt \| 3,521 /);
  });

  it('says how many rounds a peer has that failed in some', () => {
    const [row] = results.rows;
    const failed = [{ name: 'PyTorch sdpa', reason: 'killed', works: ['train-x'] }];
    const table = speedTable({
      ...{ ...results, failed },
      rows: [{ ...row!, incomplete: { 'PyTorch sdpa': 2, 'PyTorch compile': 1 } }],
    });
    expect(table).toMatch(/ Failed in some rounds: PyTorch sdpa\.\n/);
    expect(table).toMatch(/\| 3 \(PyTorch sdpa 2, PyTorch compile 1\) \|$/);
  });

  it('names the commit that was measured, and says when there are several', () => {
    const withCommits = (...commits: (string | undefined)[]) => {
      const rows = commits.map((commit, i) => {
        return { ...results.rows[i]!, measured: { ...measured, ...(commit && { commit }) } };
      });
      return speedTable({ ...results, rows, skipped: [] }).split('\n')[0];
    };
    expect(withCommits('a9cb451', 'a9cb451')).toMatch(/in turns\. Commit a9cb451\.$/);
    expect(withCommits('a9cb451', 'dc96709+', 'a9cb451', undefined)).toMatch(
      /Rows are of different commits: a9cb451 \(2 rows\), dc96709\+ \(1 rows\), unknown \(1 rows\)\.$/,
    );
    expect(withCommits(undefined, undefined)).toMatch(/in turns\.$/);
  });

  it('replaces what stands between the markers, and nothing else', () => {
    const readme = 'before\n<!-- speed: begin -->\nold\n<!-- speed: end -->\nafter\n';
    const written = withSpeedTable(readme, results);
    expect(written).toMatch(/^before\n<!-- speed: begin -->\n\n/);
    expect(written).toMatch(/\n\n<!-- speed: end -->\nafter\n$/);
    expect(written).not.toContain('old');
    expect(withSpeedTable(written, results)).toBe(written);
    expect(() => withSpeedTable('no markers', results)).toThrow('README.md: expected');
  });
});

it('README is current with bench/results.json', () => {
  const readme = readFileSync(`${root}README.md`, 'utf8');
  const written = JSON.parse(readFileSync(`${root}bench/results.json`, 'utf8')) as PeerResults;
  expect(written.rows.length).toBeGreaterThan(0);
  expect(readme, 'run node scripts/write-speed-table.mjs').toBe(withSpeedTable(readme, written));
});
