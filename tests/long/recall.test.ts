/** BigBird against its parts and full attention, at equal operations, on a task of long memory (inventory G5). */
import { expect, test } from 'vitest';
import type { AttentionChoice } from '../../src/nn/attention/kinds.ts';
import { needDevice } from '../support/devices.ts';
import { learnTask, recall, type TaskResult } from '../support/encoder-tasks.ts';

/** Ten keys of each token but for full attention. */
const kinds: Readonly<Record<string, AttentionChoice>> = {
  bigbird: { kind: 'bigbird', blockSize: 1, window: 2, globals: 2, random: 3 },
  window: { kind: 'local', left: 5, right: 4 },
  global: { kind: 'global', blockSize: 1, window: 0, globals: 9 },
  random: { kind: 'random', blockSize: 1, window: 0, random: 9 },
  full: 'multi-head',
};

test('only all parts together recall what stands far away (G5)', (context) => {
  needDevice(context, 'native');
  const setup = { length: 128, batch: 16, layers: 3, learningRate: 0.003, flops: 400e9 };
  const results = new Map<string, TaskResult>();
  for (const [name, kind] of Object.entries(kinds)) {
    const result = learnTask(recall, kind, setup, 'native');
    results.set(name, result);
    console.log(`${name}: ${(100 * result.accuracy).toFixed(1)} % after ${result.steps} steps`);
  }
  console.log(`by chance: ${(100 / 8).toFixed(1)} %`);
  const accuracy = (name: string): number => results.get(name)!.accuracy;
  for (const { steps, flopsPerStep } of results.values())
    expect(Math.abs((steps * flopsPerStep) / setup.flops - 1)).toBeLessThan(0.02);
  expect(accuracy('bigbird')).toBeGreaterThan(0.95);
  for (const part of ['window', 'global', 'random', 'full'])
    expect(accuracy(part)).toBeLessThan(accuracy('bigbird') - 0.2);
});
