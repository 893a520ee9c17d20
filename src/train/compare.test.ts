import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compareRuns, readFinishedRun } from './compare.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'heed-compare-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function writeRun(name: string, position: string, seed: number, bleu: number | undefined): string {
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true });
  const config = { name, model: { position, dModel: 8 }, training: { seed, maxSteps: 5 } };
  writeFileSync(join(folder, 'experiment.json'), JSON.stringify({ config }));
  const result = { metrics: { bleu, chrf: 50 }, steps: 5, seconds: 1 };
  if (bleu !== undefined) writeFileSync(join(folder, 'result.json'), JSON.stringify(result));
  return folder;
}

const arms = () =>
  compareRuns(
    [
      writeRun('s1', 'sinusoidal', 1, 24.1),
      writeRun('s2', 'sinusoidal', 2, 24.5),
      writeRun('s3', 'sinusoidal', 3, 23.9),
      writeRun('r3', 'rope', 3, 24.9),
      writeRun('r1', 'rope', 1, 25.3),
      writeRun('r2', 'rope', 2, 25.3),
    ].map(readFinishedRun),
  );

describe('compared runs', () => {
  test('are arms by what differs, whatever their names and seeds', () => {
    expect(arms().map(({ name, runs }) => [name, runs.map(({ seed }) => seed)])).toEqual([
      ['model.position=sinusoidal', [1, 2, 3]],
      ['model.position=rope', [3, 1, 2]],
    ]);
  });

  // t(0.975, 2) = 4.302653; s of 24.1, 24.5, 23.9 is 0.305505.
  test("have the mean of their seeds with Student's interval", () => {
    const { mean, interval, difference } = arms()[0]!.scores.bleu!;
    expect(mean).toBeCloseTo(24.1667, 4);
    expect(interval!.high - mean).toBeCloseTo((4.302653 * 0.305505) / Math.sqrt(3), 4);
    expect(difference).toBeUndefined();
  });

  // Differences by seed 1.2, 0.8, 1.0: mean 1, s 0.2.
  test('differ from the first arm seed by seed', () => {
    const { difference } = arms()[1]!.scores.bleu!;
    expect(difference!.mean).toBeCloseTo(1, 10);
    expect(difference!.high - 1).toBeCloseTo((4.302653 * 0.2) / Math.sqrt(3), 5);
  });

  test('of one seed have no interval', () => {
    const [arm] = compareRuns([readFinishedRun(writeRun('alone', 'none', 1, 3))]);
    expect(arm).toMatchObject({ name: 'all runs', scores: { bleu: { mean: 3, interval: undefined } } });
  });

  test('must be folders of runs that have finished', () => {
    expect(() => readFinishedRun(join(root, 'nowhere'))).toThrow('experiment.json');
    expect(() => readFinishedRun(writeRun('early', 'none', 1, undefined))).toThrow('let the run finish');
    writeFileSync(join(writeRun('broken', 'none', 1, 2), 'result.json'), '{');
    expect(() => readFinishedRun(join(root, 'broken'))).toThrow('is not JSON');
  });
});
