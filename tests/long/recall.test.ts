/** BigBird against its parts and full attention, at equal operations, on a task of long memory (inventory G5). */
import { expect, test } from 'vitest';
import type { AttentionChoice } from '../../src/nn/attention/kinds.ts';
import { needDevice } from '../support/devices.ts';
import { CHANCE, learnTask, recall, type TaskResult } from '../support/encoder-tasks.ts';

/** Ten keys of each token but for full attention. */
const kinds = {
  bigbird: { kind: 'bigbird', blockSize: 1, window: 2, globals: 2, random: 3 },
  window: { kind: 'local', left: 5, right: 4 },
  global: { kind: 'global', blockSize: 1, window: 0, globals: 9 },
  random: { kind: 'random', blockSize: 1, window: 0, random: 9 },
  full: 'multi-head',
} as const satisfies Readonly<Record<string, AttentionChoice>>;

const percent = (share: number): string => (100 * share).toFixed(1);

test.for([1, 2, 3])('only all parts together recall what stands far away (G5), seed %i', (seed, context) => {
  needDevice(context, 'native');
  const setup = { length: 128, batch: 16, layers: 3, learningRate: 0.003, flops: 400e9, seed };
  const learn = (name: keyof typeof kinds): TaskResult => {
    const result = learnTask(recall, kinds[name], setup, 'native');
    const { accuracy, steps } = result;
    console.log(
      `${name}, seed ${seed}: ${percent(accuracy)} % after ${steps} steps, chance ${percent(CHANCE)} %`,
    );
    expect(Math.abs((steps * result.flopsPerStep) / setup.flops - 1)).toBeLessThan(0.02);
    return result;
  };
  const whole = learn('bigbird').accuracy;
  const others = (['window', 'global', 'random', 'full'] as const).map((name) => learn(name).accuracy);
  expect(whole).toBeGreaterThan(0.9);
  for (const accuracy of others) expect(accuracy).toBeLessThan(whole - 0.4);
});
