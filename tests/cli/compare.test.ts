/** `heed compare` over result folders whose numbers are worked out by hand. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectMistake, heed, jsonLines, linesOf } from '../support/heed-binary.ts';

let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'heed-compare-'));
  for (const [folder, position, seed, metrics] of runs) writeRun(folder, position, seed, metrics);
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

type Metrics = Readonly<Record<string, number>>;

const runs: readonly (readonly [folder: string, position: string, seed: number, metrics: Metrics])[] = [
  ['s1', 'sinusoidal', 1, { bleu: 24, chrf: 50, seconds: 9 }],
  ['s2', 'sinusoidal', 2, { bleu: 26, chrf: 51 }],
  ['s3', 'sinusoidal', 3, { bleu: 25, chrf: 52 }],
  ['r1', 'rope', 1, { bleu: 26, chrf: 50 }],
  ['r2', 'rope', 2, { bleu: 29, chrf: 50 }],
  ['r3', 'rope', 3, { bleu: 29, chrf: 51 }],
];
const all = runs.map(([folder]) => folder);

/** What `heed train` leaves of a run that has finished, as far as the command reads it. */
function writeRun(folder: string, position: string, seed: number, metrics?: Metrics): void {
  const config = { name: folder, model: { position, dModel: 8 }, training: { seed, maxSteps: 5 } };
  mkdirSync(join(cwd, folder), { recursive: true });
  writeFileSync(join(cwd, folder, 'experiment.json'), JSON.stringify({ config }));
  if (metrics)
    writeFileSync(
      join(cwd, folder, 'result.json'),
      JSON.stringify({ seconds: 1, steps: 5, metrics, published: undefined }),
    );
}

const compare = (...args: string[]) => heed(['compare', ...args], { cwd });

/**
 * Half of the 95 % interval of three values: t(0.975, 2) = 4.302653 from the table of Student's distribution, times s,
 * over √3. Three values in a row, such as 24, 25, 26, have s = 1: 2.484; 26, 29, 29 have s = √3: 4.303.
 */
const half = { ofOne: 4.302653 / Math.sqrt(3), ofRootThree: 4.302653 };

/*
 * BLEU: means 25 and 28; seed by seed rope has 2, 3 and 4 more: 3 ± 2.48, above 0.
 * chrF: means 51 and 50.333…; s of 50, 50, 51 is 1/√3: ± 1.434. Differences 0, −1, −1: mean −2/3, s 1/√3: may be chance.
 */
describe('heed compare', () => {
  it('prints means, intervals and differences seed by seed, and says which may be chance', async () => {
    const { code, stdout, stderr } = await compare(...all);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const cells = linesOf(stdout).map((line) => line.split(/ {2,}/));
    expect(cells).toEqual([
      ['arm', 'seeds', 'bleu', 'to the first', 'chrf', 'to the first'],
      ['model.position=sinusoidal', '3', '25.00 ± 2.48', '51.00 ± 2.48'],
      [
        'model.position=rope',
        '3',
        '28.00 ± 4.30',
        '+3.00 ± 2.48',
        '50.33 ± 1.43',
        '−0.67 ± 1.43, may be chance',
      ],
    ]);
    // Columns stand below each other.
    const lines = linesOf(stdout);
    for (const [head, cell] of [
      ['seeds', '3 '],
      ['chrf', '51.00'],
    ])
      expect(lines[0]!.indexOf(head!)).toBe(lines[1]!.indexOf(cell!));
  });

  it('compares with the arm of the first run, in whatever order the others come', async () => {
    const { stdout } = await compare('r3', 's2', 'r1', 's3', 's1', 'r2');
    const [, first, second] = linesOf(stdout);
    expect(first).toMatch(/^model\.position=rope +3 +28\.00 ± 4\.30 +50\.33/);
    expect(second).toMatch(
      /^model\.position=sinusoidal +3 .*−3\.00 ± 2\.48 .*\+0\.67 ± 1\.43, may be chance$/,
    );
  });

  it('--json prints an object for each arm', async () => {
    const { code, stdout, stderr } = await compare(...all, '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const near = (value: number) => expect.closeTo(value, 5);
    const interval = (mean: number, spread: number) => ({
      mean: near(mean),
      low: near(mean - spread),
      high: near(mean + spread),
      standardError: near(spread / 4.302653),
    });
    expect(jsonLines(stdout)).toEqual([
      {
        arm: 'model.position=sinusoidal',
        seeds: [1, 2, 3],
        folders: ['s1', 's2', 's3'],
        scores: {
          bleu: { values: [24, 26, 25], mean: 25, interval: interval(25, half.ofOne) },
          chrf: { values: [50, 51, 52], mean: 51, interval: interval(51, half.ofOne) },
        },
      },
      {
        arm: 'model.position=rope',
        seeds: [1, 2, 3],
        folders: ['r1', 'r2', 'r3'],
        scores: {
          bleu: {
            ...{ values: [26, 29, 29], mean: 28, interval: interval(28, half.ofRootThree) },
            difference: interval(3, half.ofOne),
          },
          chrf: {
            ...{
              values: [50, 50, 51],
              mean: near(151 / 3),
              interval: interval(151 / 3, half.ofRootThree / 3),
            },
            difference: interval(-2 / 3, half.ofRootThree / 3),
          },
        },
      },
    ]);
  });

  it('says that one seed says nothing about chance', async () => {
    const { code, stdout, stderr } = await compare('s1', 's2', 's3', 'r1');
    expect(code).toBe(0);
    expect(stderr).toBe('one seed says nothing about chance: model.position=rope\n');
    expect(linesOf(stdout)[2]).toMatch(/^model\.position=rope +1 +26\.00 +50\.00$/);
  });

  it('compares the metrics that all runs have, and says when there is none', async () => {
    expect(linesOf((await compare('s1', 's2')).stdout)[0]).not.toContain('seconds');
    writeRun('other1', 'rope', 1, { cer: 3 });
    writeRun('other2', 'rope', 2, { cer: 4 });
    const { code, stdout, stderr } = await compare('s1', 's2', 'other1', 'other2');
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'these runs have no metric in common\n' });
    expect(linesOf(stdout)).toHaveLength(3);
  });

  it.each([
    [
      'that is no run',
      'empty',
      'empty: there is no experiment.json; hint: give the folder of a run, as `heed train` writes it',
    ],
    [
      'that is not there',
      'nowhere',
      'nowhere: there is no experiment.json; hint: give the folder of a run, as `heed train` writes it',
    ],
    [
      'of a run that goes on',
      'early',
      'early: there is no result.json; hint: let the run finish: heed train with the same --out resumes it',
    ],
    ['with half a result', 'torn', 'torn: result.json is not JSON; hint: run the experiment again'],
  ])('refuses a folder %s', async (_, folder, message) => {
    mkdirSync(join(cwd, 'empty'), { recursive: true });
    writeRun('early', 'rope', 4);
    writeRun('torn', 'rope', 5);
    writeFileSync(join(cwd, 'torn', 'result.json'), '{ "metrics": {');
    expect(expectMistake(await compare('s1', folder))).toBe(message);
  });

  it('needs a folder', async () => {
    expect(expectMistake(await compare())).toMatch(/missing.*runs/i);
  });
});
