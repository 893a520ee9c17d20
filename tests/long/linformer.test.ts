/** What Linformer can carry with k rows: every place of 32 has to say the letter at its mirror (inventory G1). */
import { expect, test } from 'vitest';
import type { AttentionChoice } from '../../src/nn/attention/kinds.ts';
import { needDevice } from '../support/devices.ts';
import { CHANCE, learnTask, mirror } from '../support/encoder-tasks.ts';

const percent = (share: number): string => (100 * share).toFixed(1);

test.for([1, 2, 3])(
  'quality grows with the number of rows, up to that of full attention (G1), seed %i',
  (seed, context) => {
    needDevice(context, 'native');
    const setup = { length: 32, batch: 32, layers: 2, learningRate: 0.003, flops: 150e9, seed };
    const learn = (name: string, attention: AttentionChoice): number => {
      const { accuracy } = learnTask(mirror, attention, setup, 'native');
      console.log(`${name}, seed ${seed}: ${percent(accuracy)} %, chance ${percent(CHANCE)} %`);
      return accuracy;
    };
    const [few, some, all] = [2, 8, 32].map((rows) =>
      learn(`${rows} rows`, { kind: 'linformer', rows, sharing: 'heads' }),
    ) as [number, number, number];
    const full = learn('full attention', 'multi-head');
    expect(few).toBeGreaterThan(CHANCE + 0.05);
    expect(some).toBeGreaterThan(few + 0.1);
    expect(all).toBeGreaterThan(some + 0.1);
    expect(all).toBeGreaterThan(full - 0.05);
  },
);
